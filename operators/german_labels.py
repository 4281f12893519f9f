"""German of what stands in panels: labels, properties, sentences."""

from __future__ import annotations

LABELS = {
    "Shot": "Einstellung",
    "Shots": "Einstellungen",
    "Engine": "Rechenwerk",
    "Advanced": "Erweitert",
    "Begins": "Beginnt",
    "Ends": "Endet",
    "From the playhead: {name}": "Vom Abspielkopf: {name}",
    "Words: text strip '{name}'": "Worte: Textstreifen '{name}'",
    "Words: marker '{name}'": "Worte: Marker '{name}'",
    "Words: the scene's": "Worte: die der Szene",
    "Words from Text Strip '{name}'": "Worte vom Textstreifen '{name}'",
    "What happens in the shot": "Was in der Einstellung geschieht",
    "What happens in this strip's shot": "Was in der Einstellung dieses Streifens geschieht",
    "In all shots without words of their own": "In allen Einstellungen ohne eigene Worte",
    "This Strip's Own": "Nur dieser Streifen",
    "Made With": "Erzeugt mit",
    "Words on Channel": "Worte auf Kanal",
    "Scene's Range": "Bereich der Szene",
    "First to Last Frame": "Vom ersten zum letzten Bild",
    "End on Next Board": "Auf nächstem Bild enden",
    "Animate {count} Strips": "{count} Streifen animieren",
    "Animate {count} Strips in One Shot": "{count} Streifen in einer Einstellung",
    "One Shot a Strip": "Eine je Streifen",
    "One Through All": "Eine durch alle",
    "What Animate Storyboard makes of its strips": "Was aus den Streifen des Storyboards wird",
    "Each strip becomes a shot of its own, and between two there is a cut: right for pictures that are unlike each "
    "other": (
        "Jeder Streifen wird eine Einstellung, und zwischen zweien ist ein Schnitt: richtig für Bilder, die einander "
        "nicht gleichen"
    ),
    "All strips become one shot: each board is seen at its strip's start, what happens from there on is what its "
    "strip says, and the picture passes from one board to the next: right for pictures of one scene, and where the "
    "passage between unlike ones is wanted": (
        "Alle Streifen werden eine Einstellung: jedes Bild ist am Anfang seines Streifens zu sehen, von da an gelten "
        "dessen Worte, und eins geht ins nächste über: richtig für Bilder derselben Szene, und wo der Übergang "
        "zwischen ungleichen gewollt ist"
    ),
    "{frames} frames ({seconds} s); each stretch has its own strip's words": (
        "{frames} Bilder ({seconds} s); auf jeder Strecke gelten die Worte ihres Streifens"
    ),
    "In the gap after {name} it is on its way to the next.": "In der Lücke nach {name} ist sie unterwegs zum nächsten.",
    "This model takes a board at a shot's start only; choose another model, or One Shot a Strip.": (
        "Dieses Modell nimmt ein Bild nur am Anfang; wähle ein anderes Modell oder Eine je Streifen."
    ),
    "One shot through all needs two strips or more.": "Eine durch alle braucht zwei Streifen oder mehr.",
    "{count} boards are too many for one shot; {most} is the most.": (
        "{count} Bilder sind zu viele für eine Einstellung; {most} ist das meiste."
    ),
    "{first} and {second} begin less than {least} frames apart: too near for one shot through both.": (
        "{first} und {second} beginnen weniger als {least} Bilder auseinander: zu nah für eine Einstellung durch beide."
    ),
    "Board {done} of {of}; Esc stops": "Bild {done} von {of}; Esc hält an",
    "{made} of {shots} made": "{made} von {shots} erzeugt",
    "{count} failed": "{count} gescheitert",
    "{time} left": "noch {time}",
    "Bridge {frames} Frames ({seconds} s)": "{frames} Bilder überbrücken ({seconds} s)",
    "Extend by {frames} Frames ({seconds} s)": "Um {frames} Bilder verlängern ({seconds} s)",
    "Make {frames} Frames After ({seconds} s)": "{frames} Bilder danach erzeugen ({seconds} s)",
    "Make {frames} Frames Before ({seconds} s)": "{frames} Bilder davor erzeugen ({seconds} s)",
    "Section {made} of {of}": "Abschnitt {made} von {of}",
    "Generate {frames} Frames ({seconds} s)": "{frames} Bilder erzeugen ({seconds} s)",
    "Waiting Shots": "Wartende Einstellungen",
    "Boards are being taken; Esc stops that.": "Bilder werden aufgenommen; Esc hält das an.",
    "Select the storyboard's strips, or one of its channel.": (
        "Wähle die Streifen des Storyboards aus oder einen auf seinem Kanal."
    ),
    "Extend and Bridge": "Verlängern und überbrücken",
    "Empty words and all other settings: as in the panel Shot.": (
        "Leere Worte und alles Übrige: wie im Feld Einstellung."
    ),
    "It keeps the shot's own words and settings.": "Worte und Werte der Einstellung bleiben.",
    "What Comes After": "Was danach kommt",
    "What Comes Before": "Was davor kommt",
    "What happens there": "Was dort geschieht",
    "Between": "Dazwischen",
    "After": "Danach",
    "Before": "Davor",
    "After and Before {name}": "Nach und vor {name}",
    "Select two strips with a gap between them.": "Wähle zwei Streifen mit einer Lücke dazwischen aus.",
    "Select the strip that the shot comes after.": "Wähle den Streifen aus, nach dem die Einstellung kommt.",
    "Select the strip that the shot comes before.": "Wähle den Streifen aus, vor dem die Einstellung kommt.",
    "Say what it begins with: Start From Viewport, Camera or Render Result, or select a second strip.": (
        "Sage, womit sie beginnt: mit der Ansicht, der Kamera oder dem Renderergebnis, oder wähle einen zweiten "
        "Streifen aus."
    ),
    "It would begin before the scene's first frame; move the strips to the right first, or make it shorter.": (
        "Sie begänne vor dem ersten Bild der Szene; schiebe zuerst die Streifen nach rechts, oder mache sie kürzer."
    ),
    "This model sees no picture that is still to come. Under Advanced, choose one that can: {models}.": (
        "Dieses Modell sieht kein Bild, das erst noch kommt. Wähle unter Erweitert eines, das es kann: {models}."
    ),
    "This model cannot end on a picture. Under Advanced, choose one that can: {models}.": (
        "Dieses Modell kann auf keinem Bild enden. Wähle unter Erweitert eines, das es kann: {models}."
    ),
    "No model here can end on a picture; get one that can.": (
        "Kein Modell hier kann auf einem Bild enden; beschaffe eines, das es kann."
    ),
    "{name} is not finished; its last picture may still change.": (
        "{name} ist nicht fertig; das letzte Bild kann sich noch ändern."
    ),
    "Select a finished shot.": "Wähle eine fertige Einstellung aus.",
    "Prompt": "Beschreibung",
    "Prompts": "Beschreibungen",
    "To Begin With": "Für den Anfang",
    "Of This File's Shots": "Von Einstellungen dieser Datei",
    "Subject": "Gegenstand",
    "Action": "Handlung",
    "Subject's Move": "Bewegung des Gegenstands",
    "Also Moving": "Außerdem bewegt",
    "How Fast": "Wie schnell",
    "Say Nothing": "Nichts sagen",
    "Stand Still": "Stillstehen",
    "Fill in what you like; every field may stay empty.": "Fülle aus, was du magst; jedes Feld darf leer bleiben.",
    "Nothing was filled in; the prompt stays as it is.": "Nichts ist ausgefüllt; die Beschreibung bleibt, wie sie ist.",
    "Understood: {words}": "Verstanden: {words}",
    "Understood: the camera stands still": "Verstanden: die Kamera steht still",
    "No camera move found: the picture will stand still.": "Keine Kamerafahrt gefunden: das Bild wird stillstehen.",
    "No move found, but {words} may stir the picture.": "Keine Bewegung gefunden, doch {words} kann das Bild bewegen.",
    "Did you mean {words}?": "Meintest du {words}?",
    " or ": " oder ",
    "This model makes one move in a shot: it may mix these up.": (
        "Dieses Modell macht eine Bewegung je Einstellung: es kann diese vermengen."
    ),
    "It also says that the camera stands still.": "Es sagt auch, dass die Kamera stillsteht.",
    "{words} may turn the move elsewhere: the model takes it for a part of one.": (
        "{words} kann die Bewegung ablenken: das Modell hält es für einen Teil von einer."
    ),
    "It says more than one speed.": "Es sagt mehr als eine Geschwindigkeit.",
    "Longer than this model was taught: up to {count} words it reads surely.": (
        "Länger, als dieses Modell es gelernt hat: bis zu {count} Worten liest es sicher."
    ),
    "The model stops reading before '{words}'.": "Das Modell hört vor '{words}' auf zu lesen.",
    "Start From": "Beginnen mit",
    "What the shot begins with": "Womit die Einstellung anfängt",
    "Words Alone": "Nur Worten",
    "No picture: the model draws the shot from what you write": (
        "Kein Bild: das Modell zeichnet die Einstellung nach dem, was du schreibst"
    ),
    "Go On from Strip": "Fortsetzung eines Streifens",
    "What a movie, an image sequence or a finished shot shows before the playhead goes on in the shot, which lies "
    "at the playhead; with the playhead outside the strip all of it goes on, and the shot lies after its end": (
        "Was ein Film, eine Bildfolge oder eine fertige Einstellung vor dem Abspielkopf zeigt, geht in der neuen "
        "weiter, die am Abspielkopf liegt; steht er außerhalb, geht der ganze Streifen weiter, und sie liegt dahinter"
    ),
    "Begins at frame {frame}": "Beginnt bei Bild {frame}",
    "This model cannot start from a picture. Under Advanced, choose one that can: {models}.": (
        "Dieses Modell kann nicht mit einem Bild beginnen. Wähle unter Erweitert eines, das es kann: {models}."
    ),
    "This model needs a picture to start from. Under Advanced, choose one that needs none: {models}.": (
        "Dieses Modell braucht ein Bild zum Beginnen. Wähle unter Erweitert eines, das keins braucht: {models}."
    ),
    "This model cannot go on from a strip. Under Advanced, choose one that can: {models}.": (
        "Dieses Modell kann keinen Streifen fortsetzen. Wähle unter Erweitert eines, das es kann: {models}."
    ),
    "No model here can start from a picture; get one that can, or choose another start.": (
        "Kein Modell hier kann mit einem Bild beginnen; lade eines, das es kann, oder beginne mit etwas anderem."
    ),
    "All models here need a picture to start from; get one that needs none, or choose another start.": (
        "Alle Modelle hier brauchen ein Bild zum Beginnen; lade eines, das keins braucht, oder beginne anders."
    ),
    "No model here can go on from a strip; get one that can, or choose another start.": (
        "Kein Modell hier kann einen Streifen fortsetzen; lade eines, das es kann, oder beginne mit etwas anderem."
    ),
    "Select a movie, an image sequence or a finished shot, or put the playhead on one.": (
        "Wähle einen Film, eine Bildfolge oder eine fertige Einstellung aus oder setze den Abspielkopf darauf."
    ),
    "Length": "Länge",
    "As the Board's Strip": "Wie der Streifen des Bildes",
    "To Next Strip or Marker": "Bis zum nächsten Streifen oder Marker",
    "Seconds": "Sekunden",
    "Frames": "Bilder",
    "Seed": "Startwert",
    "Seeds": "Startwerte",
    "Try": "Probieren",
    "Frames {first} to {last}": "Bilder {first} bis {last}",
    "Gone on with": "Damit geht es weiter",
    "Stopped.": "Beendet.",
    "Being made.": "Wird erzeugt.",
    "Step {step} of {of}": "Schritt {step} von {of}",
    "How many seeds are tried at once": "Wie viele Startwerte auf einmal probiert werden",
    "Steps": "Schritte",
    "Guidance": "Führung",
    "Order": "Reihenfolge",
    "Frame Rate": "Bildrate",
    "Keep Speed": "Tempo halten",
    "Frame for Frame": "Bild für Bild",
    "Last First": "Letzter zuerst",
    "Memory Limit": "Speichergrenze",
    "Gigabytes of the device that shots may take, from the engine's next start on; 0: all that is free": (
        "Gigabyte des Geräts, die Einstellungen ab dem nächsten Start der Engine belegen dürfen; 0: alles, was frei ist"
    ),
    "LoRAs as Shotpack 0.1 had them, in words; they still count": (
        "LoRAs, wie sie Shotpack 0.1 hatte, in Worten; sie gelten weiter"
    ),
    "The engine has not been heard yet.": "Vom Rechenwerk war noch nichts zu hören.",
    "No LoRA lies in the engine's folder.": "Im Ordner des Rechenwerks liegt kein LoRA.",
    "Its whole name, as the engine lists it": "Sein ganzer Name, wie ihn das Rechenwerk nennt",
    "How much of the LoRA": "Wie viel vom LoRA",
    "Speed": "Tempo",
    "What is given up for time": "Was für die Zeit aufgegeben wird",
    "Exact": "Genau",
    "Balanced": "Ausgewogen",
    "Fast": "Schnell",
    "Every step is computed: the model at its best": "Jeder Schritt wird gerechnet: das Modell in Bestform",
    "Steps that change little are skipped: about twice as fast, nearly the same picture": (
        "Schritte, die wenig ändern, entfallen: etwa doppelt so schnell, fast dasselbe Bild"
    ),
    "More steps are skipped: for trying out; details differ": (
        "Mehr Schritte entfallen: zum Ausprobieren; Einzelheiten weichen ab"
    ),
    "First First": "Erster zuerst",
    "Both Ends First": "Beide Enden zuerst",
    "Model's Own": "Wie das Modell",
    "Remembers": "Erinnert sich an",
    "Newest Frames": "Die neuesten Bilder",
    "Most Like What Comes": "Was dem Kommenden gleicht",
    "Both": "Beides",
    "End on Second Strip": "Auf zweitem Streifen enden",
    "Models": "Modelle",
    "1 shot was never sent.": "1 Einstellung wurde nie gesendet.",
    "{count} shots were never sent.": "{count} Einstellungen wurden nie gesendet.",
    "Never sent.": "Nie gesendet.",
    "Parked while Blender renders.": "Macht Platz, solange Blender rendert.",
    "Parked while another program uses the device.": "Macht Platz, solange ein anderes Programm das Gerät braucht.",
    "Parked until somebody unparks it.": "Macht Platz, bis es jemand zurückholt.",
    "No shots yet.": "Noch keine Einstellungen.",
    "Stopping after this step …": "Endet nach diesem Schritt …",
    "Pausing after this step …": "Hält nach diesem Schritt an …",
    "Begins in a moment: the engine is loading.": "Beginnt gleich: das Rechenwerk lädt noch.",
    "Stands still: the engine is off. Start it, and the shot goes on at its open section.": (
        "Steht still: das Rechenwerk ist aus. Starte es, und die Einstellung geht an ihrem offenen Abschnitt weiter."
    ),
    "{name} is not on the timeline any more, but it is still being made.": (
        "{name} liegt nicht mehr auf der Zeitleiste, wird aber noch gerechnet."
    ),
    "{name} is not on the timeline.": "{name} liegt nicht auf der Zeitleiste.",
    "The engine is off, and 1 shot waits for it.": "Das Rechenwerk ist aus, und 1 Einstellung wartet darauf.",
    "The engine is off, and {count} shots wait for it.": (
        "Das Rechenwerk ist aus, und {count} Einstellungen warten darauf."
    ),
    "Loading the engine's libraries …": "Die Bibliotheken des Rechenwerks werden geladen …",
    "The engine that makes shots is not installed yet.": (
        "Das Rechenwerk, das Einstellungen erzeugt, ist noch nicht installiert."
    ),
    "The engine tells what is installed once it runs.": "Was installiert ist, sagt das Rechenwerk, sobald es läuft.",
    "Known once the engine runs": "Bekannt, sobald das Rechenwerk läuft",
    "The Preferences' Choice": "Wie in den Einstellungen",
    "The Board's Shape": "Die Form des Bildes",
    "{time} a second of film": "{time} je Sekunde Film",
    "{time} a second of film here, at {size}": "{time} je Sekunde Film hier, bei {size}",
    "needs {models}": "braucht {models}",
    "1 section": "1 Abschnitt",
    "{count} sections": "{count} Abschnitte",
    "about {time}": "etwa {time}",
    "up to {room} MB": "bis zu {room} MB",
    "Runs on a processor too": "Läuft auch auf einem Prozessor",
    "GPU from {least} GB, several times as fast from {whole} GB on": (
        "GPU ab {least} GB, ab {whole} GB um ein Mehrfaches schneller"
    ),
    "{size} on disk": "{size} auf der Platte",
    "Used by default": "Wird sonst verwendet",
    "With 0, shots take what the device has free.": "Mit 0 nehmen Einstellungen, was das Gerät frei hat.",
    "Size": "Größe",
    "Model": "Modell",
    "Negative Prompt": "Was nicht zu sehen sein soll",
    "Engine Data Folder": "Datenordner des Rechenwerks",
    "With 0 in both, shots are kept for ever.": "Mit 0 in beiden bleiben Einstellungen für immer.",
    "Waiting for its turn.": "Wartet, bis sie an der Reihe ist.",
    "Write what happens in the shot first.": "Beschreibe zuerst, was geschieht.",
    "Select a strip that shows the board, or put the playhead on one.": (
        "Wähle einen Streifen mit dem Bild aus oder setze den Abspielkopf darauf."
    ),
    "The engine is off; it starts with the next shot.": (
        "Das Rechenwerk ist aus; es startet mit der nächsten Einstellung."
    ),
    "The engine is ready.": "Das Rechenwerk ist bereit.",
    "The engine has ended.": "Das Rechenwerk hat sich beendet.",
    "The engine does not answer.": "Das Rechenwerk antwortet nicht.",
    "Takes": "Takes der Einstellung",
    "New Take of Section {section} …": "Neuer Take von Abschnitt {section} …",
    "New Take of One Section …": "Neuer Take eines Abschnitts …",
    "Whole Shot": "Ganze Einstellung",
    "One Section": "Ein Abschnitt",
    "Section": "Abschnitt",
    "Section {section}": "Abschnitt {section}",
    "Seed {seed}": "Startwert {seed}",
    "Guidance {guidance}": "Führung {guidance}",
    "from take {number}": "aus Take {number}",
    "{name}, take {number}": "{name}, Take {number}",
    "Section {section}: frames {first} to {last}.": "Abschnitt {section}: Bilder {first} bis {last}.",
    "1 of {of} sections is made again: {which}.": "1 von {of} Abschnitten wird neu erzeugt: {which}.",
    "{count} of {of} sections are made again: {which}.": "{count} von {of} Abschnitten werden neu erzeugt: {which}.",
    "It takes about {time}.": "Das dauert etwa {time}.",
    "Where its sections lie the engine tells once it runs.": (
        "Wo ihre Abschnitte liegen, sagt das Rechenwerk, sobald es läuft."
    ),
    "The shot has sections 1 to {count}.": "Die Einstellung hat die Abschnitte 1 bis {count}.",
    "A take is made of a finished shot; go on with this one first.": (
        "Ein Take entsteht aus einer fertigen Einstellung; setze diese zuerst fort."
    ),
    "A take is made of a finished shot; wait until this one is made.": (
        "Ein Take entsteht aus einer fertigen Einstellung; warte, bis diese erzeugt ist."
    ),
    "It was made with '{model}', which is not installed any more.": (
        "Sie wurde mit '{model}' erzeugt, das nicht mehr installiert ist."
    ),
    "The chosen model plans no endpoints; they were left out.": (
        "Das gewählte Modell plant keine Endpunkte; sie wurden weggelassen."
    ),
    "It was made at {fps} frames a second, which this timeline has not.": (
        "Sie wurde mit {fps} Bildern in der Sekunde erzeugt, die diese Zeitleiste nicht hat."
    ),
    "The engine is of an earlier release, which cannot do this; update it.": (
        "Das Rechenwerk ist von einer früheren Version, die das nicht kann; aktualisiere es."
    ),
    "On its way to the engine": "Unterwegs zum Rechenwerk",
    "Waits for its turn": "Wartet, bis er an der Reihe ist",
    "Failed": "Gescheitert",
    "Cancelled": "Abgebrochen",
    "Paused": "Angehalten",
    "Follow Camera": "Der Kamera folgen",
    "This model follows no camera; choose one that does, or untick Follow Camera.": (
        "Dieses Modell folgt keiner Kamera; wähle eines, das es kann, oder schalte Der Kamera folgen aus."
    ),
    "A panoramic camera cannot be followed.": "Einer Panoramakamera kann nicht gefolgt werden.",
    "{name} belongs to another file; make a local copy of it to follow its camera.": (
        "{name} gehört zu einer anderen Datei; mach eine lokale Kopie davon, um der Kamera zu folgen."
    ),
    "Stereo pictures cannot follow the camera; turn Stereoscopy off.": (
        "Stereobilder können der Kamera nicht folgen; schalte die Stereoskopie aus."
    ),
    "The engine does not say what its models can; start it first.": (
        "Das Rechenwerk sagt nicht, was seine Modelle können; starte es zuerst."
    ),
    "{count} cancelled": "{count} abgebrochen",
    "Following the camera: {made} of {of} pictures": "Der Kamera nach: {made} von {of} Bildern",
    "The board shows {share} % of the last frame: a second board there would help.": (
        "Das Bild zeigt {share} % des letzten Bilds: ein zweites dort würde helfen."
    ),
    "Not followed, for they are no surfaces: {names}.": "Nicht gefolgt wird, weil es keine Flächen sind: {names}.",
}
