"""German of a camera's move over a board: its settings, and its framings in the preview."""

from __future__ import annotations

MOVE_OPERATORS = {
    "Draw Framings": "Ausschnitte zeichnen",
}
MOVES = {
    "What leads the picture of this strip's shot": "Was das Bild der Einstellung dieses Streifens führt",
    "The prompt alone says what the camera does": "Was die Kamera tut, sagt allein die Beschreibung",
    "Camera": "Kamera",
    "None": "Keine",
    "Move": "Fahrt",
    "Amount": "Maß",
    "Linear": "Gleichmäßig",
    "Moving over the board: {made} of {of} pictures": "Fahrt über das Bild: {made} von {of} Bildern",
    "A camera moves over the board exactly from one framing to another": (
        "Eine Kamera fährt genau von einem Ausschnitt des Bilds zum anderen"
    ),
    "Sets both framings; drag them for another move": "Setzt beide Ausschnitte; zieh sie für eine andere Fahrt",
    "Pan Left": "Schwenk nach links",
    "Across the board, to the left": "Über das Bild, nach links",
    "Pan Right": "Schwenk nach rechts",
    "Across the board, to the right": "Über das Bild, nach rechts",
    "Tilt Up": "Schwenk nach oben",
    "Over the board, upward": "Über das Bild, nach oben",
    "Tilt Down": "Schwenk nach unten",
    "Over the board, downward": "Über das Bild, nach unten",
    "Push In": "Heranfahren",
    "Nearer to the middle of the board": "Näher an die Mitte des Bilds",
    "Pull Out": "Zurückfahren",
    "From the middle of the board to all of it": "Von der Mitte des Bilds bis zum ganzen",
    "Roll Left": "Nach links rollen",
    "The camera turns counterclockwise": "Die Kamera dreht sich gegen den Uhrzeigersinn",
    "Roll Right": "Nach rechts rollen",
    "The camera turns clockwise": "Die Kamera dreht sich im Uhrzeigersinn",
    "As Drawn": "Wie gezeichnet",
    "From one framing to the other, wherever they were drawn": (
        "Von einem Ausschnitt zum anderen, wo immer sie gezeichnet sind"
    ),
    "At one speed from the first frame to the last": "Gleich schnell vom ersten Bild bis zum letzten",
    "Ease In and Out": "Sanft an und aus",
    "The move sets off gently and comes to rest gently": "Die Fahrt beginnt sanft und endet sanft",
    "Easing": "Verlauf",
    "How the move passes in time": "Wie die Fahrt in der Zeit verläuft",
    "How far the camera goes, or how much nearer it comes: a share of the board": (
        "Wie weit die Kamera fährt, oder wie viel näher sie kommt: ein Anteil des Bilds"
    ),
    "How far the camera turns; as much is cut off as stays within the board": (
        "Wie weit sich die Kamera dreht; zu sehen ist so viel, wie innerhalb des Bilds bleibt"
    ),
    "The middle of what is seen first, as shares of the board from its left and its lower edge": (
        "Die Mitte dessen, was zuerst zu sehen ist, als Anteile des Bilds von links und von unten"
    ),
    "The middle of what is seen last, as shares of the board from its left and its lower edge": (
        "Die Mitte dessen, was zuletzt zu sehen ist, als Anteile des Bilds von links und von unten"
    ),
    "How much of the board's width is seen first": "Wie viel von der Breite des Bilds zuerst zu sehen ist",
    "How much of the board's width is seen last": "Wie viel von der Breite des Bilds zuletzt zu sehen ist",
    "How far the camera is turned at first, counterclockwise": (
        "Wie weit die Kamera zuerst gedreht ist, gegen den Uhrzeigersinn"
    ),
    "How far the camera is turned at last, counterclockwise": (
        "Wie weit die Kamera zuletzt gedreht ist, gegen den Uhrzeigersinn"
    ),
    "Framings": "Ausschnitte",
    "Start": "Anfang",
    "End": "Ende",
    "Drag where the camera begins and where it ends over the board in the Sequencer's preview": (
        "In der Vorschau des Sequencers über das Bild ziehen, wo die Kamera beginnt und wo sie endet"
    ),
    "Drag inside to move, a corner to size, the knob to turn. Enter: done. Esc: as before": (
        "Innen ziehen: bewegen, an einer Ecke: Größe, am Knopf: drehen. Eingabe: fertig. Esc: wie vorher"
    ),
    "Enter: done. Esc: as before": "Eingabe: fertig. Esc: wie vorher",
    "Select a strip whose Camera is Move.": "Wähle einen Streifen, dessen Kamera auf Fahrt steht.",
    "Let a Sequencer show its preview: framings are drawn over the picture.": (
        "Lass einen Sequencer seine Vorschau zeigen: Ausschnitte werden über das Bild gezeichnet."
    ),
    "The board is not seen at the playhead; go to its strip, and mute its shots.": (
        "Das Bild ist am Abspielkopf nicht zu sehen; geh zu seinem Streifen und schalte dessen Einstellungen stumm."
    ),
    "The board shows {share} % of where the camera begins; the rest is made up.": (
        "Das Bild zeigt {share} % davon, wo die Kamera beginnt; der Rest wird erfunden."
    ),
    "The board shows {share} % of where the camera ends; the rest is made up.": (
        "Das Bild zeigt {share} % davon, wo die Kamera endet; der Rest wird erfunden."
    ),
    "This model follows no camera; choose one that does, or set Camera to None.": (
        "Dieses Modell folgt keiner Kamera; wähle eins, das es tut, oder stelle Kamera auf Keine."
    ),
    "The move is over a second before the picture that the shot ends on, or half way where that is nearer.": (
        "Die Fahrt ist eine Sekunde vor dem Bild zu Ende, auf dem die Einstellung endet, oder auf halbem Weg, wenn das"
        " näher ist."
    ),
    "Each move is over a second before the next board, or half way to it where that is nearer.": (
        "Jede Fahrt ist eine Sekunde vor dem nächsten Bild zu Ende, oder auf halbem Weg dorthin, wenn das näher ist."
    ),
    "One shot through all goes from board to board: Follow Camera is left out.": (
        "Eine Einstellung durch alle geht von Bild zu Bild: Der Kamera folgen bleibt weg."
    ),
    "What lies beside a strip begins with its whole picture: Camera: Move is left out.": (
        "Was neben einem Streifen liegt, beginnt mit dessen ganzem Bild: Kamera: Fahrt bleibt weg."
    ),
    "What lies beside a strip goes by its pictures and words: Follow Camera is left out.": (
        "Was neben einem Streifen liegt, richtet sich nach Bildern und Worten: Der Kamera folgen bleibt weg."
    ),
    "The timeline was changed while its pictures were being taken; press again.": (
        "Der Schnitt wurde geändert, während die Bilder aufgenommen wurden; drück noch einmal."
    ),
}
