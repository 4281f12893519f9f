"""German of finishing: shots made larger, and frames in between."""

from __future__ import annotations

FINISHING_OPERATORS = {
    "Finish": "Fertigstellen",
    "Finish …": "Fertigstellen …",
    "Install Finishing": "Fertigstellen installieren",
}

FINISHING = {
    "Finish": "Fertigstellen",
    "Install Finishing": "Fertigstellen installieren",
    "Finishing": "Wird fertiggestellt",
    "Fit Scene": "Wie die Szene",
    "How large the frames become": "Wie groß die Bilder werden",
    "As large as the scene's render": "So groß, wie die Szene gerendert wird",
    "Twice as wide and twice as high": "Doppelt so breit und doppelt so hoch",
    "Four times as wide and four times as high": "Viermal so breit und viermal so hoch",
    "Upscaler": "Vergrößert von",
    "What enlarges them": "Was sie vergrößert",
    "Enlarge the shot's frames, as another take in the same strip; the frames that the model made are kept": (
        "Die Bilder der Einstellung vergrößern, als weiterer Take im selben Streifen; die Bilder des Modells bleiben"
    ),
    "Add to the engine what enlarges finished shots and makes frames in between; nothing else of it changes": (
        "Das Rechenwerk um das ergänzen, was fertige Einstellungen vergrößert und Zwischenbilder erzeugt; sonst ändert "
        "sich nichts an ihm"
    ),
    "What enlarges shots is not installed yet; it is about 150 MB to download.": (
        "Was Einstellungen vergrößert, ist noch nicht installiert; es sind etwa 150 MB herunterzuladen."
    ),
    "What enlarges shots is being installed; wait until it is there.": (
        "Was Einstellungen vergrößert, wird installiert; warte, bis es da ist."
    ),
    "The engine runs on another machine; install it there: pip install -r requirements/finishing.txt": (
        "Das Rechenwerk läuft auf einem anderen Rechner; installiere es dort: pip install -r requirements/finishing.txt"
    ),
    "The engine's Python is your own; install it there: pip install -r requirements/finishing.txt": (
        "Das Python des Rechenwerks ist dein eigenes; installiere es dort: pip install -r requirements/finishing.txt"
    ),
    "Only what is made can be finished; go on with this shot first.": (
        "Nur was erzeugt ist, lässt sich fertigstellen; setze diese Einstellung zuerst fort."
    ),
    "Only what is made can be finished; wait until this shot is made.": (
        "Nur was erzeugt ist, lässt sich fertigstellen; warte, bis diese Einstellung erzeugt ist."
    ),
    "The shot's frames are not there any more; make it again.": (
        "Die Bilder der Einstellung sind nicht mehr da; erzeuge sie noch einmal."
    ),
    "The shot is as large as the scene already.": "Die Einstellung ist schon so groß wie die Szene.",
    "{frames} frames of take {take}: {was} become {width} x {height}.": (
        "{frames} Bilder von Take {take}: aus {was} werden {width} x {height}."
    ),
    "On the disk it takes up to {room} MB.": "Auf der Platte braucht es bis zu {room} MB.",
    "{size} by {upscaler}": "{size} mit {upscaler}",
    "{times}x slower": "{times}x langsamer",
    "In-Between Frames": "Zwischenbilder",
    "What a frame shows that lies between two of the model's, where the scene has another frame rate: "
    "frames in between make the motion smooth. Cuts are never mixed": (
        "Was ein Bild zeigt, das zwischen zweien des Modells liegt, wo die Szene eine andere Bildrate hat: "
        "Zwischenbilder machen die Bewegung flüssig. Schnitte werden nie gemischt"
    ),
    "Nearest": "Nächstes",
    "Flow": "Fluss",
    "Motion": "Bewegung",
    "The model's frame that is nearest: some are left out, or shown twice": (
        "Das nächste Bild des Modells: manche fallen weg oder kommen zweimal"
    ),
    "Made of both, along what moves from one to the other (optical flow)": (
        "Aus beiden, entlang dessen, was sich vom einen zum anderen bewegt (optischer Fluss)"
    ),
    "Made of both, along the motion of blocks: coarser, and nothing has to be installed for it": (
        "Aus beiden, entlang der Bewegung von Blöcken: gröber, und nichts muss dafür installiert werden"
    ),
    "Frame for Frame shows the model's own frames alone.": "Bild für Bild zeigt nur die Bilder des Modells.",
    "The model's frame rate is the scene's: there is nothing in between.": (
        "Das Modell hat die Bildrate der Szene: dazwischen liegt nichts."
    ),
    "Flow is not installed yet: the nearest frames are shown.": (
        "Fluss ist noch nicht installiert: gezeigt werden die nächsten Bilder."
    ),
}
