"""German of how far sections drift, and of what is done at a limit."""

from __future__ import annotations

DRIFT = {
    "At Drift Limit": "An der Driftgrenze",
    "Mark It": "Kennzeichnen",
    "Pause and Ask": "Anhalten und fragen",
    "Make It Again": "Neu erzeugen",
    "Stop": "Beenden",
    "Sharpness": "Schärfe",
    "Colours": "Farben",
    "Likeness": "Ähnlichkeit",
    "Seams": "Nähte",
    "Section {section}: {faults}.": "Abschnitt {section}: {faults}.",
    "{what} at frame {frame}": "{what} bei Bild {frame}",
    "{what} ({value}, limit {limit})": "{what} ({value}, Grenze {limit})",
    "{value}, from {least} to {most}": "{value}, von {least} bis {most}",
    "{value}, from {least}": "{value}, ab {least}",
    "{value}, up to {most}": "{value}, bis {most}",
    "colours drift": "Farben driften",
    "unlike the board": "dem Bild unähnlich",
    "blurred": "unscharf",
    "harsh": "überzeichnet",
    "softer than the section beside it": "weicher als der Abschnitt daneben",
    "harsher than the section at the board": "härter als der Abschnitt am Bild",
    "jumps": "springt",
    "broken seam": "gebrochene Naht",
    "repeats frames": "wiederholt Bilder",
    "seam that no motion explains": "Naht, die keine Bewegung erklärt",
    "{count} more sections are over a limit.": "{count} weitere Abschnitte sind über einer Grenze.",
    "1 more section is over a limit.": "1 weiterer Abschnitt ist über einer Grenze.",
    "The one that was made first of them is made again, as a take.": (
        "Der von ihnen zuerst erzeugte wird neu erzeugt, als Take."
    ),
    "The shot waits for you: go on with it all the same, or stop and keep what is made.": (
        "Die Einstellung wartet auf dich: mach trotzdem weiter, oder beende sie und behalte, was erzeugt ist."
    ),
    "Stop Here": "Hier beenden",
    "1 section drifts; select the shot to see how.": "1 Abschnitt driftet; wähle die Einstellung, um mehr zu sehen.",
    "{count} sections drift; select the shot to see how.": (
        "{count} Abschnitte driften; wähle die Einstellung, um mehr zu sehen."
    ),
    "No section drifts.": "Kein Abschnitt driftet.",
    "How far its sections drift was not measured.": "Wie weit ihre Abschnitte driften, wurde nicht gemessen.",
    "Drift, section by section; the worst of each:": "Drift, Abschnitt für Abschnitt; das Schlimmste davon:",
    "Drift of take {number}, section by section; the worst of each:": (
        "Drift von Take {number}, Abschnitt für Abschnitt; das Schlimmste davon:"
    ),
    "Made again: it drifted.": "Neu erzeugt: er driftete.",
    "What is done where a section drifts beyond a limit of the model's: in colours, sharpness, likeness to the board, "
    "or by a jump": (
        "Was geschieht, wo ein Abschnitt über eine Grenze des Modells driftet: in Farben, Schärfe, Ähnlichkeit mit dem "
        "Bild, oder durch einen Sprung"
    ),
    "The section is marked, and the shot goes on": (
        "Der Abschnitt wird gekennzeichnet, und die Einstellung geht weiter"
    ),
    "The shot pauses after the section, unless all are made by then; Resume goes on with it": (
        "Die Einstellung hält nach dem Abschnitt an, wenn dann nicht schon alle erzeugt sind; Fortsetzen führt sie "
        "weiter"
    ),
    "The shot ends there, unless all sections are made by then; its finished sections stay, and Resume goes on all the "
    "same": (
        "Die Einstellung endet dort, wenn dann nicht schon alle Abschnitte erzeugt sind; fertige Abschnitte bleiben, "
        "und Fortsetzen führt sie trotzdem weiter"
    ),
    "Once the shot is made, the section is made again with another seed, as a take; twice at most. Sections that were "
    "made from it are made again as well, and the first take stays": (
        "Ist die Einstellung erzeugt, wird der Abschnitt mit anderem Startwert neu erzeugt, als Take; höchstens "
        "zweimal. Abschnitte, die aus ihm entstanden sind, werden es auch, und der erste Take bleibt"
    ),
    "Resume to go on all the same, or set another seed under Advanced and generate it anew.": (
        "Setze fort, um trotzdem weiterzumachen, oder stelle unter Erweitert einen anderen Startwert ein und erzeuge "
        "sie neu."
    ),
}
