"""German of what follows a scene's camera: where boards are seen from, coverage, previs."""

from __future__ import annotations

CAMERA_OPERATORS = {
    "Previs Shot": "Previs-Einstellung",
    "Previs All": "Previs für alle",
    "From Here and Now": "Von hier und jetzt",
    "See How Much the Board Shows": "Nachsehen, wie viel das Bild zeigt",
    "Look Again": "Noch einmal nachsehen",
}
CAMERA = {
    "Previs All {count} Camera Markers": "Previs für alle {count} Kameramarkierungen",
    "Previs {name}": "Previs für {name}",
    "Camera's Keys": "Keyframes der Kamera",
    "As far as the last key of the camera, its parents and its constraints' targets": (
        "Bis zum letzten Keyframe der Kamera, ihrer Eltern und der Ziele ihrer Constraints"
    ),
    "Seen From": "Gesehen von",
    "The scene whose camera sees what this picture shows: a render that was painted over, say": (
        "Die Szene, deren Kamera sieht, was dieses Bild zeigt: ein übermaltes Rendering etwa"
    ),
    "The frame of that scene at which its camera sees it so": (
        "Das Bild dieser Szene, bei dem ihre Kamera es so sieht"
    ),
    "Drawn": "Gezeichnet",
    "The picture is drawn or painted over the scene, and no render of it: lines around its forms go where these go": (
        "Das Bild ist über die Szene gezeichnet oder gemalt und kein Rendering: Linien um ihre Formen gehen mit diesen"
    ),
    "Painted over Strip Below": "Über den Streifen darunter gemalt",
    "The picture is painted over what the scene strip below it shows, so its camera sees it": (
        "Das Bild ist über das gemalt, was der Szenenstreifen darunter zeigt; dessen Kamera sieht es"
    ),
    "Painted over {name}": "Über {name} gemalt",
    "By the camera as it was then, wherever it is moved now.": (
        "Von der Kamera, wie sie damals war, wohin sie jetzt auch bewegt wird."
    ),
    "{camera} of {scene}, from frame {frame}": "{camera} in {scene}, ab Bild {frame}",
    "{name} is seen from no camera that is known; say so under Seen From, or untick Follow Camera.": (
        "Von welcher Kamera {name} gesehen wird, ist nicht bekannt; sage es unter Gesehen von, oder schalte Der Kamera "
        "folgen aus."
    ),
    "{name} shows a timeline and no camera; set its Input to Camera to follow one.": (
        "{name} zeigt eine Zeitleiste und keine Kamera; stelle die Eingabe auf Kamera, um einer zu folgen."
    ),
    "{name} does not play its scene frame by frame; take off its retiming to follow the camera.": (
        "{name} spielt die Szene nicht Bild für Bild; nimm das Retiming weg, um der Kamera zu folgen."
    ),
    "{scene} has another picture shape than the timeline; give both the same resolution to follow its camera.": (
        "{scene} hat ein anderes Bildformat als die Zeitleiste; gib beiden dieselbe Auflösung, um der Kamera zu folgen."
    ),
    "{name} does not lie on the picture corner on corner; scale it to fit, uncropped, to follow the camera.": (
        "{name} liegt nicht Ecke auf Ecke auf dem Bild; skaliere es ohne Zuschnitt passend, um der Kamera zu folgen."
    ),
    "{name} jumps at frame {frame}, which is a cut; end the shot before it, or untick Follow Camera.": (
        "{name} springt bei Bild {frame}, das ist ein Schnitt; beende die Einstellung davor, oder schalte Der Kamera "
        "folgen aus."
    ),
    "{name} has no keys after the board; choose another length.": (
        "{name} hat nach dem Bild keine Keyframes; wähle eine andere Länge."
    ),
    "Also led by {names}.": "Auch geführt von {names}.",
    "Of no use here, for this camera does not see it in this shot: {names}.": (
        "Hier ohne Nutzen, weil diese Kamera es in dieser Einstellung nicht sieht: {names}."
    ),
    "Looking how much of the last frame the board shows …": "Sieht nach, wie viel vom letzten Bild zu sehen ist …",
    "The board shows {share} % of the last frame.": "Das Bild zeigt {share} % des letzten Bilds.",
    "The board does not match the camera": "Das Bild passt nicht zur Kamera",
    "Board {numbers} does not match the camera": "Bild {numbers} passt nicht zur Kamera",
    "its edges lie elsewhere than those of the scene.": "seine Kanten liegen anderswo als die der Szene.",
    "Bind markers to cameras first (Marker, Bind Camera to Markers): each begins a shot.": (
        "Binde zuerst Markierungen an Kameras (Kamera an Markierungen binden): jede beginnt eine Einstellung."
    ),
    "No marker with a camera is in effect at this frame of the scene.": (
        "Bei diesem Bild der Szene gilt keine Markierung mit einer Kamera."
    ),
    "This model follows no camera; choose one that does.": (
        "Dieses Modell folgt keiner Kamera; wähle eines, das es kann."
    ),
    "No camera is known whose keys end the shot; choose another length.": (
        "Keine Kamera ist bekannt, deren Keyframes die Einstellung beenden; wähle eine andere Länge."
    ),
    "The picture shows what this scene's camera sees at the present frame; the camera is remembered as it is now": (
        "Das Bild zeigt, was die Kamera dieser Szene beim jetzigen Bild sieht; die Kamera wird gemerkt, wie sie ist"
    ),
    "Find out in the background how much of the shot's last frame its boards show, and whether they match it": (
        "Im Hintergrund herausfinden, wie viel vom letzten Bild der Einstellung zu sehen ist, und ob die Bilder passen"
    ),
    "Make the shot of the camera marker that is in effect at the present frame: it follows its camera as far as the "
    "next camera marker": (
        "Die Einstellung der Kameramarkierung erzeugen, die beim jetzigen Bild gilt: sie folgt ihrer Kamera bis zur "
        "nächsten Kameramarkierung"
    ),
    "Make a shot for each marker of the scene that is bound to a camera; those that are as they should be stay": (
        "Für jede Markierung der Szene, die an eine Kamera gebunden ist, eine Einstellung erzeugen; was stimmt, bleibt"
    ),
}
