"""German of what Blender shows where the cursor rests, of reports, and of what the engine says of models."""

from __future__ import annotations

TOOLTIPS = {
    # Operators and menus.
    "Let the text strips on this channel say what happens in the shots below them; under Advanced it can be undone": (
        "Die Textstreifen dieses Kanals sagen lassen, was in den Einstellungen darunter geschieht; unter Erweitert "
        "lässt es sich zurücknehmen"
    ),
    "Let the engine make this shot earlier": "Das Rechenwerk diese Einstellung früher erzeugen lassen",
    "Stop all shots of the storyboard that are being made or wait; what is finished of them stays": (
        "Alle Einstellungen des Storyboards anhalten, die erzeugt werden oder warten; was fertig ist, bleibt"
    ),
    "Make the active strip's shot again above it: as it is shown, or by what its picture or movie says of it": (
        "Die Einstellung des aktiven Streifens darüber noch einmal erzeugen: wie gezeigt, oder nach dem, was sein Bild "
        "oder Film von sich sagt"
    ),
    "Select a shot's strip, or one that shows a frame or a movie of a shot.": (
        "Wähle den Streifen einer Einstellung, oder einen, der ein Bild oder einen Film einer Einstellung zeigt."
    ),
    "What this strip shows does not say what made it; select a shot, or a frame or a movie of one.": (
        "Was dieser Streifen zeigt, sagt nicht, wie es erzeugt wurde; wähle eine Einstellung, oder ein Bild oder einen "
        "Film von einer."
    ),
    "Make a shot again at the playhead by what a frame or a movie of it says of itself": (
        "Eine Einstellung am Abspielkopf noch einmal erzeugen, nach dem, was ein Bild oder ein Film von ihr sagt"
    ),
    "Another seed, by the die: the same shot happens otherwise": (
        "Ein anderer Startwert, gewürfelt: dieselbe Einstellung geschieht anders"
    ),
    "Leave this number to the model, or set one of your own": (
        "Diese Zahl dem Modell überlassen oder eine eigene setzen"
    ),
    "Make shots of this size; a board of another shape is cut at its longer sides": (
        "Einstellungen in dieser Größe; ein Bild anderer Form wird an den längeren Seiten beschnitten"
    ),
    "Make this timeline's shots with this model": "Die Einstellungen dieser Zeitleiste mit diesem Modell erzeugen",
    "Copy what happened during the installation, without your name and folders, for a bug report": (
        "Kopieren, was beim Installieren geschah, ohne deinen Namen und deine Ordner, für einen Fehlerbericht"
    ),
    "Install the engine's own Python with everything it needs; Blender's own is not touched": (
        "Ein eigenes Python für das Rechenwerk installieren, mit allem, was es braucht; das von Blender bleibt"
    ),
    "Let Blender and its extensions use the network, as System > Network in the preferences does": (
        "Blender und seine Erweiterungen ins Netz lassen, wie System > Netzwerk in den Einstellungen"
    ),
    "Show the engine's log in the program that this system opens such files with": (
        "Das Protokoll des Rechenwerks in dem Programm zeigen, mit dem dieses System solche Dateien öffnet"
    ),
    "Start the engine; shots that were being made go on": (
        "Das Rechenwerk starten; Einstellungen, die erzeugt wurden, gehen weiter"
    ),
    "Stop installing; what is downloaded is kept for the next time": (
        "Das Installieren anhalten; was geladen ist, bleibt für das nächste Mal"
    ),
    "Stop the engine; its shots go on when it is started again": (
        "Das Rechenwerk anhalten; seine Einstellungen gehen weiter, wenn es wieder startet"
    ),
    "Begin the shot with the later of the two selected strips and end it on the earlier one, or the other way round": (
        "Mit dem späteren der beiden ausgewählten Streifen beginnen und auf dem früheren enden, oder umgekehrt"
    ),
    "Make a shot: it takes its place on the timeline at once and fills while you go on": (
        "Eine Einstellung erzeugen: sie nimmt gleich ihren Platz ein und füllt sich, während du weiterarbeitest"
    ),
    "Go on with the shot at the first section that is not finished": (
        "Mit dem ersten Abschnitt der Einstellung weitermachen, der nicht fertig ist"
    ),
    "Let the shot use the folder that the file names: what was sent before goes on, and its frames come there": (
        "Die Einstellung den Ordner benutzen lassen, den die Datei nennt: was gesendet war, geht weiter, "
        "und die Bilder kommen dorthin"
    ),
    "Open the folder that holds the shot's frames": "Den Ordner mit den Bildern der Einstellung öffnen",
    "Put a shot that is made, or being made, on the timeline again, at the playhead": (
        "Eine Einstellung, die fertig ist oder erzeugt wird, am Abspielkopf wieder auf die Zeitleiste legen"
    ),
    "Select the shot's strip": "Den Streifen der Einstellung auswählen",
    "Send the shot once more, as it was asked for; where that was refused, with the model and settings chosen now": (
        "Die Einstellung erneut senden, wie sie gewünscht war; wurde das abgelehnt, mit Modell und Werten von jetzt"
    ),
    "Make the shot anew with the model, size, seed and all else under Advanced as chosen now; words stay": (
        "Die Einstellung neu erzeugen, mit Modell, Größe, Startwert und allem unter Erweitert wie jetzt gewählt; "
        "die Worte bleiben"
    ),
    "Send what was never sent to the engine, because Blender was closed too early: one shot, or all of the timeline": (
        "Senden, was nie ans Rechenwerk ging, weil Blender zu früh zu war: eine Einstellung oder alle der Zeitleiste"
    ),
    "Stand still after the present step; the device is free for other shots": (
        "Nach diesem Schritt stillstehen; das Gerät ist frei für andere Einstellungen"
    ),
    "Stop the shot after the present step; its finished sections stay": (
        "Die Einstellung nach diesem Schritt anhalten; ihre fertigen Abschnitte bleiben"
    ),
    "Take a shot that is on no timeline off this list; its frames and what the engine has of it stay": (
        "Eine Einstellung, die auf keiner Zeitleiste liegt, aus der Liste nehmen; ihre Bilder und was das Rechenwerk "
        "von ihr hat, bleiben"
    ),
    "Try once more to bring the shot's frames to its folder": (
        "Noch einmal versuchen, die Bilder der Einstellung in ihren Ordner zu holen"
    ),
    "Ask the engine anew which LoRAs are in its folder": (
        "Das Rechenwerk neu fragen, welche LoRAs in seinem Ordner sind"
    ),
    "Make the next shots with this LoRA": "Die nächsten Einstellungen mit diesem LoRA erzeugen",
    "Make the next shots without this LoRA": "Die nächsten Einstellungen ohne dieses LoRA erzeugen",
    "Download this model, or go on with its download; its licences are shown first": (
        "Dieses Modell herunterladen oder damit weitermachen; zuerst werden seine Lizenzen gezeigt"
    ),
    "Look anew which models there are and which are installed": (
        "Neu nachsehen, welche Modelle es gibt und welche installiert sind"
    ),
    "Make shots with this model from now on": "Einstellungen von nun an mit diesem Modell erzeugen",
    "Stop the download; what is here is kept for the next time": (
        "Das Herunterladen anhalten; was hier ist, bleibt für das nächste Mal"
    ),
    "Put a prompt together out of subject, motion, camera and style, in words that the model knows": (
        "Eine Beschreibung aus Gegenstand, Bewegung, Kamera und Stil zusammensetzen, in Worten, die das Modell kennt"
    ),
    "Edit the prompt with as many lines as it wants, in a Text Editor; what is written there is the prompt at once": (
        "Die Beschreibung in beliebig vielen Zeilen im Texteditor bearbeiten; was dort steht, gilt sofort"
    ),
    "Write this as the prompt, in place of what stands there": (
        "Dies als Beschreibung schreiben, an die Stelle dessen, was dort steht"
    ),
    "Remove the shot from the timeline, its frames from the disk and its job from the engine": (
        "Die Einstellung von der Zeitleiste entfernen, ihre Bilder von der Platte und ihren Auftrag aus dem Rechenwerk"
    ),
    "Give the shot's words and seed to the strip that it was made of, and select that: change them, make another": (
        "Worte und Startwert dem Streifen geben, aus dem sie entstand, und ihn auswählen: ändern, neu erzeugen"
    ),
    "Show this timeline's pictures as they are: boards and shots are made for the Standard view transform": (
        "Die Bilder dieser Zeitleiste zeigen, wie sie sind: sie sind für die Ansichtstransformation Standard gemacht"
    ),
    "Put the editor back as it was before Watch": "Den Editor wieder herstellen, wie er vor dem Zusehen war",
    "Show this shot large in this window, also while it is being made; Back puts everything as it was": (
        "Diese Einstellung groß in diesem Fenster zeigen, während sie entsteht; Zurück stellt alles wieder her"
    ),
    "The LoRAs that the engine has": "Die LoRAs, die das Rechenwerk hat",
    "The sizes that the model was trained at": "Die Größen, mit denen das Modell trainiert wurde",
    "The models that are installed, with what each can": "Die installierten Modelle, und was jedes kann",
    "Prompts to begin with, and those that shots of this file were made with": (
        "Beschreibungen für den Anfang, und die, mit denen Einstellungen dieser Datei erzeugt wurden"
    ),
    "What can be done with the shot besides pausing and cancelling it": (
        "Was man mit der Einstellung tun kann, außer sie anzuhalten und abzubrechen"
    ),
    # Settings.
    "The active strip, or the topmost one at the playhead": "Der aktive Streifen oder der oberste am Abspielkopf",
    "The last render": "Das letzte Renderergebnis",
    "What the scene's camera sees now, with the scene's light: it takes as long as a render": (
        "Was die Kamera der Szene jetzt sieht, im Licht der Szene: es dauert so lange wie ein Rendern"
    ),
    "The 3D viewport as it looks now, at once; for the camera's view, look through it there": (
        "Die 3D-Ansicht, wie sie jetzt aussieht, sofort; für den Blick der Kamera dort durch sie schauen"
    ),
    "As long as the strip that the board is taken from": "So lang wie der Streifen, von dem das Bild stammt",
    "A length in seconds": "Eine Länge in Sekunden",
    "A length in frames of the scene": "Eine Länge in Bildern der Szene",
    "As far as the next strip's start or marker, else the scene's end": (
        "Bis zum Anfang des nächsten Streifens oder Markers, sonst bis zum Ende der Szene"
    ),
    "As long as the scene in this window, from its first frame to its last": (
        "So lang wie die Szene in diesem Fenster, vom ersten bis zum letzten Bild"
    ),
    "The order that the model is best at": "Die Reihenfolge, die das Modell am besten kann",
    "The last section first, toward the board: least drift": (
        "Der letzte Abschnitt zuerst, auf das Bild zu: am wenigsten Abweichung"
    ),
    "The first section first: see the beginning at once": "Der erste Abschnitt zuerst: der Anfang ist gleich zu sehen",
    "First and last section, then the gap": "Erster und letzter Abschnitt, dann die Lücke",
    "Made at the model's frame rate and resampled to the scene's: motion keeps its speed": (
        "Mit der Bildrate des Modells erzeugt und auf die der Szene umgerechnet: Bewegung behält ihr Tempo"
    ),
    "The model's frames as they are: motion is slower at a lower frame rate": (
        "Die Bilder des Modells, wie sie sind: bei niedrigerer Bildrate ist Bewegung langsamer"
    ),
    "Render the board as the scene is set up": "Das Bild rendern, wie die Szene eingerichtet ist",
    "Render the board fast, with Workbench": "Das Bild schnell rendern, mit Workbench",
    "The GPU if there is one, else the processor": "Die GPU, wenn es eine gibt, sonst der Prozessor",
    "Slower, and always there": "Langsamer, aber immer da",
    "The first CUDA device": "Das erste CUDA-Gerät",
    "What happens in shots whose strip, text strip and marker say nothing": (
        "Was in Einstellungen geschieht, deren Streifen, Textstreifen und Marker nichts sagen"
    ),
    "The channel whose text strips say what happens in the shots below them, muted or not; 0: none": (
        "Der Kanal, dessen Textstreifen sagen, was in Einstellungen darunter geschieht, auch stumm; 0: keiner"
    ),
    "With two strips selected, the shot ends on the picture of the later one": (
        "Sind zwei Streifen ausgewählt, endet die Einstellung auf dem Bild des späteren"
    ),
    "Another seed, another take": "Ein anderer Startwert, eine andere Fassung",
    "Denoising steps a section; 0: the model's own": "Schritte je Abschnitt; 0: wie das Modell",
    "How strictly the prompt is followed; 0: the model's own": (
        "Wie streng der Beschreibung gefolgt wird; 0: wie das Modell"
    ),
    "Which section is made first": "Welcher Abschnitt zuerst erzeugt wird",
    "What the model looks back at while it makes the next frames; only what it was trained for is used": (
        "Worauf das Modell zurückblickt, während es die nächsten Bilder erzeugt; benutzt wird nur, was es gelernt hat"
    ),
    "What the model is best at": "Was das Modell am besten kann",
    "The frames next to the ones that are made; what lies farther away is forgotten": (
        "Die Bilder neben den entstehenden; was weiter weg liegt, wird vergessen"
    ),
    "The frames that are most like what comes, however far away: for a camera that comes back to what it left": (
        "Die Bilder, die dem Kommenden am meisten gleichen, wie fern sie auch sind: "
        "für eine Kamera, die zu Verlassenem zurückkehrt"
    ),
    "The newest frames, and of those farther away the ones that are most like what comes": (
        "Die neuesten Bilder, und von den ferneren die, die dem Kommenden am meisten gleichen"
    ),
    "What must not be seen; empty: the model's own": "Was nicht zu sehen sein darf; leer: wie das Modell",
    "Length of the shot that is made of this strip; 0: as the scene's settings say": (
        "Länge der Einstellung aus diesem Streifen; 0: wie die Szene sagt"
    ),
    "The seed of this strip's shot": "Der Startwert der Einstellung dieses Streifens",
    "This strip's shot has a seed of its own": "Die Einstellung dieses Streifens hat einen eigenen Startwert",
    "Own Seed": "Eigener Startwert",
    "How the camera moves": "Wie sich die Kamera bewegt",
    "How fast the move is": "Wie schnell die Bewegung ist",
    "How it looks": "Wie es aussieht",
    "What else moves": "Was sich sonst bewegt",
    "What it does": "Was es tut",
    "Who or what is seen": "Wer oder was zu sehen ist",
    # Reports, and why a button is grey.
    "The engine is not installed yet; press Install Engine.": (
        "Das Rechenwerk ist noch nicht installiert; drücke auf Rechenwerk installieren."
    ),
    "The engine is being installed.": "Das Rechenwerk wird installiert.",
    "The engine is not running; start it first.": "Das Rechenwerk läuft nicht; starte es zuerst.",
    "The engine has written no log yet.": "Das Rechenwerk hat noch kein Protokoll geschrieben.",
    "The report is on the clipboard.": "Der Bericht ist in der Zwischenablage.",
    "The engine has not begun with this shot; wait a moment.": (
        "Das Rechenwerk hat mit dieser Einstellung noch nicht begonnen; warte einen Moment."
    ),
    "The shot's folder is not there any more.": "Den Ordner der Einstellung gibt es nicht mehr.",
    "There is no scene to put a shot into.": "Es gibt keine Szene für eine Einstellung.",
    "No strip and no marker follows; choose another length.": (
        "Kein Streifen und kein Marker folgt; wähle eine andere Länge."
    ),
    "There is no 3D viewport in this window; open one, or choose another board.": (
        "In diesem Fenster ist keine 3D-Ansicht; öffne eine oder wähle ein anderes Bild."
    ),
    "There is no Render Result yet; render an image first (F12), or choose another board.": (
        "Es gibt noch kein Renderergebnis; rendere zuerst ein Bild (F12) oder wähle ein anderes Bild."
    ),
    "This window has no editor that could show the shot; make it larger or open one.": (
        "In diesem Fenster ist kein Editor, der die Einstellung zeigen könnte; mach es größer oder öffne einen."
    ),
    "This display has no view that shows colours as they are; choose one in the scene.": (
        "Diese Anzeige hat keine Ansicht, die Farben zeigt, wie sie sind; wähle eine in der Szene."
    ),
    "A model is being downloaded or looked for.": "Ein Modell wird gerade geladen oder gesucht.",
    "The model is downloaded only once its terms are agreed to.": (
        "Das Modell wird erst geladen, wenn seinen Bedingungen zugestimmt ist."
    ),
    "There is no such model; look for models anew.": "Dieses Modell gibt es nicht; suche die Modelle neu.",
    "Waiting for the engine …": "Wartet auf das Rechenwerk …",
    "Looking for models …": "Modelle werden gesucht …",
    "Models are listed here once the engine is installed.": (
        "Modelle stehen hier, sobald das Rechenwerk installiert ist."
    ),
    "It makes 1 shot of another file.": "Es erzeugt 1 Einstellung einer anderen Datei.",
    "It makes {count} shots of other files.": "Es erzeugt {count} Einstellungen anderer Dateien.",
    "Until this file is saved, its shots lie in Shotpack's own folder.": (
        "Bis diese Datei gespeichert ist, liegen ihre Einstellungen in Shotpacks eigenem Ordner."
    ),
    # What is missing of a strip.
    "{name} is a sound and shows no picture; choose another strip.": (
        "{name} ist ein Ton und zeigt kein Bild; wähle einen anderen Streifen."
    ),
    "{name} shows what lies below it, and nothing does; choose another strip.": (
        "{name} zeigt, was darunter liegt, und da liegt nichts; wähle einen anderen Streifen."
    ),
    "{name} holds no picture; choose another strip.": "{name} enthält kein Bild; wähle einen anderen Streifen.",
    "{name} shows no clip; choose another strip.": "{name} zeigt keinen Clip; wähle einen anderen Streifen.",
    "{name} shows no mask; choose another strip.": "{name} zeigt keine Maske; wähle einen anderen Streifen.",
    "{name} shows no scene; choose another strip.": "{name} zeigt keine Szene; wähle einen anderen Streifen.",
    "{name} shows nothing at frame {frame}; choose another strip.": (
        "{name} zeigt bei Bild {frame} nichts; wähle einen anderen Streifen."
    ),
    "{name} changes another strip's picture, and has none; choose another strip.": (
        "{name} verändert das Bild eines anderen Streifens und hat keinen; wähle einen anderen Streifen."
    ),
    "{name} shows {file}, which is not there; put it back.": "{name} zeigt {file}, und das fehlt; lege es zurück.",
    "{name} shows {scene}, which has no camera; add one.": (
        "{name} zeigt {scene}, die keine Kamera hat; füge eine hinzu."
    ),
    "{name} shows the timeline of {scene}, which is empty; choose another strip.": (
        "{name} zeigt die Zeitleiste von {scene}, die leer ist; wähle einen anderen Streifen."
    ),
}

OF_THE_ENGINE = {
    "a picture": "einem Bild",
    "words alone": "Worten allein",
    "the frames of a strip": "den Bildern eines Streifens",
    "Starts from {starts}; sections in {orders} order; {sizes}": (
        "Beginnt mit {starts}; Abschnitte in der Reihenfolge {orders}; {sizes}"
    ),
    "draft": "Entwurf",
    "final": "fertig",
    "Long, steady shots that keep to their board: the last section is made first, toward the board.": (
        "Lange, ruhige Einstellungen, die bei ihrem Bild bleiben: der letzte Abschnitt wird zuerst erzeugt, "
        "auf das Bild zu."
    ),
    "More motion than I2V, made from the beginning on: the first seconds can be seen at once.": (
        "Mehr Bewegung als I2V, vom Anfang an erzeugt: die ersten Sekunden sind gleich zu sehen."
    ),
    "The fastest of the large models; also from words alone, and going on from a strip.": (
        "Das schnellste der großen Modelle; auch aus Worten allein und als Fortsetzung eines Streifens."
    ),
    "The slowest and most exact Helios, with a negative prompt of your own.": (
        "Das langsamste und genaueste Helios, mit eigenen Worten für das, was nicht zu sehen sein soll."
    ),
    "Between Helios Base and Distilled, for trying both out.": (
        "Zwischen Helios Base und Distilled, um beides auszuprobieren."
    ),
    "Camera moves and timing in seconds, also without a GPU; it comes with Shotpack.": (
        "Kamerafahrten und Zeiten in Sekunden, auch ohne GPU; es kommt mit Shotpack."
    ),
}
"""What is said of models: the sentences are those of `engine/models/`."""
