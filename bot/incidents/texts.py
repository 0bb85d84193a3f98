"""Hold Puente's own texts around the protocol's steps, in the languages of staff. Counsel writes the steps."""

from typing import Final

DRILL_LABELS: Final = {"en": "DRILL, not real.", "es": "SIMULACRO, no es real."}
SAMPLE_LABELS: Final = {"en": "(Sample, not policy.)", "es": "(Ejemplo, no es una norma.)"}

_TEXTS: Final[dict[str, dict[str, str]]] = {
    "started": {
        "en": "{district}: agents at {school}. In danger, call 911. I am alerting now: {people}.",
        "es": "{district}: agentes en {school}. En peligro, llame al 911. Estoy avisando ahora a: {people}.",
    },
    "joined": {
        "en": "{starter} started this at {when}. You are in the same record now. I am alerting: {people}.",
        "es": "{starter} lo empezó a las {when}. Usted está en el mismo registro. Aviso a: {people}.",
    },
    "mistake_how": {"en": "Sent by mistake? Reply MISTAKE.", "es": "¿Fue un error? Responda ERROR."},
    "how": {
        "en": "Reply NEXT for the next step. All you write is kept with its time. OVER ends it.",
        "es": "Responda SIGUE para el paso siguiente. Lo que escriba se guarda con su hora. FIN lo termina.",
    },
    "which_school": {"en": "Which school is it? Reply with the number:", "es": "¿En qué escuela? Responda el número:"},
    "school_later": {
        "en": "Please write the name of the school too.",
        "es": "Escriba también el nombre de la escuela.",
    },
    "school_kept": {"en": "{school}. I'm updating the alerted staff.", "es": "{school}. Ya se avisa a los demás."},
    "some_school": {"en": "a school", "es": "una escuela"},
    "not_signed": {
        "en": "Not live: this district has no protocol signed by counsel, so I give no steps.",
        "es": "No vigente: el distrito no tiene un protocolo firmado por su abogado; no doy pasos.",
    },
    "out_of_date": {
        "en": "Not live: the protocol's review was due by {day}, so I give no steps.",
        "es": "No vigente: el protocolo debía revisarse antes del {day}; no doy pasos.",
    },
    "call": {"en": "Call now: {people}.", "es": "Llame ahora a: {people}."},
    "write_here": {
        "en": "Write here what you see. Each line is kept with its time. OVER ends it.",
        "es": "Escriba aquí lo que ve. Cada línea se guarda con su hora. FIN lo termina.",
    },
    "step": {"en": "Step {number} of {count}.", "es": "Paso {number} de {count}."},
    "last": {
        "en": "This is the last step. Reply OVER when it is over.",
        "es": "Es el último paso. Responda FIN al terminar.",
    },
    "no_more": {
        "en": "That was the last step. Keep writing what happens. OVER ends it.",
        "es": "Era el último paso. Siga escribiendo lo que pasa; FIN lo termina.",
    },
    "kept": {"en": "Kept, {when}.", "es": "Guardado, {when}."},
    "kept_more": {
        "en": "Kept, {when}. NEXT for step {number}.",
        "es": "Guardado, {when}. SIGUE para el paso {number}.",
    },
    "really": {
        "en": "Kept as your answer in the drill. If agents are really there, reply REAL.",
        "es": "Guardado como respuesta en el simulacro. Si de verdad hay agentes, responda REAL.",
    },
    "running": {
        "en": "There has been an incident at {school} since {when}, so no drill now. To join it, reply ICE.",
        "es": "Hay un incidente en {school} desde las {when}: ahora no hay simulacro. Para unirse, responda ICE.",
    },
    "danger": {
        "en": "If anyone is in danger, call 911 now. I cannot call for you.",
        "es": "Si alguien está en peligro, llame al 911 ahora. Yo no puedo llamar por usted.",
    },
    "no_picture": {
        "en": "I keep no pictures or files. Please write what it says: which paper, who signed it.",
        "es": "No guardo fotos ni archivos. Escriba lo que dice: qué papel, quién lo firmó.",
    },
    "over": {
        "en": "Over at {when}, after {minutes} min. {reached} of {count} steps, {lines} lines kept. {taken}",
        "es": "Terminado a las {when}, tras {minutes} min. {reached} de {count} pasos, {lines} líneas. {taken}",
    },
    "taken": {"en": "{name} took it.", "es": "Lo tomó {name}."},
    "not_taken": {"en": "Nobody has taken it yet.", "es": "Nadie lo ha tomado todavía."},
    "record": {"en": "The record: {link}", "es": "El registro: {link}"},
    "quiz": {"en": "A short quiz: {link}", "es": "Unas preguntas: {link}"},
    "mistake": {
        "en": "Ended as a mistake. I'm updating the alerted staff.",
        "es": "Terminado como error. Se avisa a los demás.",
    },
    "stop_word": {
        "en": "END can also stop our texts to your phone: text START to be sure that alerts reach you.",
        "es": "END puede detener nuestros mensajes: envíe START para que le lleguen los avisos.",
    },
}


def format_text(name: str, language: str, /, **values: object) -> str:
    """Return one of these texts in this language, or in English if it isn't written."""
    wording = _TEXTS[name]
    return wording.get(language, wording["en"]).format(**values)


def get_complete_languages() -> frozenset[str]:
    """Return the languages in which every text is written."""
    return frozenset.intersection(*(frozenset(translations) for translations in _TEXTS.values()))


def add_labels(text: str, language: str, is_drill: bool, is_sample: bool = False) -> str:
    """Put the drill label first in each message, and the sample label after it."""
    labels = [DRILL_LABELS.get(language, DRILL_LABELS["en"])] if is_drill else []
    labels += [SAMPLE_LABELS.get(language, SAMPLE_LABELS["en"])] if is_sample else []
    return " ".join([*labels, text])
