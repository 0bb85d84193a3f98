"""List common given and family names, and ordinary words, to tell names from other words.

Both lists matter where capitals don't help: at the start of a sentence, and in texts without capitals. Names that are
also words ("Grace", "Rosa", "Will") are in neither list.
"""

import unicodedata
from functools import lru_cache

from babel import Locale, UnknownLocaleError

_PERSONAL_NAMES = (
    # given names
    "maria juan jose luis carlos miguel pedro jorge fernando alejandro eduardo ricardo roberto francisco antonio "
    "manuel raul javier sergio diego mateo santiago sebastian emiliano rodrigo andres felipe pablo guillermo "
    "enrique arturo alberto hector oscar ernesto gerardo ramon ruben cesar hugo ivan omar joaquin guadalupe lupe "
    "patricia veronica alejandra gabriela daniela adriana claudia leticia silvia yolanda sofia camila valentina "
    "isabella lucia mariana fernanda ximena jimena natalia paola marisol maribel carmen elena beatriz teresa "
    "juana josefina margarita lorena karina brenda erika yesenia xiomara daniel david gabriel samuel joshua "
    "matthew michael christopher andrew anthony kevin brandon bryan jonathan emily emma olivia jessica jennifer "
    "ashley stephanie elizabeth joao thiago caio luana leticia vinicius mohammed muhammad mohamed mohamad ahmed "
    "ahmad fatima fatuma aisha khadija yusuf ibrahim mustafa hussein hassan abdullah abdi abdullahi ayaan amina "
    "zahra maryam oleksandr olena oksana iryna tetiana dmytro andriy serhiy volodymyr maksym yevhen wilson wesley "
    "widline roseline mirlande guerline fabienne jean-baptiste jean-pierre marie-ange "
    # family names
    "garcia rodriguez martinez hernandez lopez gonzalez perez sanchez ramirez gomez diaz ortiz gutierrez chavez "
    "ruiz alvarez jimenez vasquez vazquez velasquez dominguez fernandez suarez mendez juarez munoz castaneda "
    "quispe oliveira pereira ferreira souza rodrigues fernandes nguyen kovalenko shevchenko bondarenko "
    # Ukrainian, Russian
    "іван марія олена оксана наталія андрій сергій дмитро олександр володимир тетяна ірина юлія максим иван мария "
    "елена ольга наталья александр сергей дмитрий алексей екатерина татьяна анастасия ирина анна"
)
_ORDINARY_WORDS = (
    # English
    "please thank thanks hello hi hey dear good the a an my our your his her their its is are am was were be been "
    "do does did can could will would should shall may might must have has had if when where why how what who "
    "whom whose which we you they he she it me us him them i this that these those there here yes no not and but "
    "or so because as at in on of to for from by with about after before until since then than now today tomorrow "
    "yesterday tonight also still only just always never very too all any some every each ok okay sorry welcome "
    "call tell ask see meet bring contact give send text email help pick visit remind let come go get take make "
    "need needs want wants know write read sign return remember check say speak talk teacher principal mom mommy "
    "dad daddy mother father parent parents school student students class classes grade room bus homework lunch "
    "phone doctor friend name birthday office district god lord sir madam ma'am miss sick late old older oldest "
    "younger youngest little first last new christmas thanksgiving easter halloween internet american mexican "
    "english spanish again soon maybe family families "
    "note mr mrs ms miss dr prof "
    # Spanish
    "por favor gracias hola buenos buenas dias tardes noches el la los las un una unos unas mi mis tu tus su sus "
    "nuestro nuestra es son esta estan estoy era fue ser soy tengo tiene tienen hay va voy van no si sí y e o u "
    "pero porque que como cuando donde quien cual ya hoy ayer manana mañana tambien tampoco siempre nunca nada "
    "muy mas en a al de del con sin para se le lo les me te nos usted ustedes ud uds yo ella ellos nosotros ellas "
    "mayor menor pequeno pequena chiquito chiquita grande todavia aun ahora necesito necesita quiero quiere puede "
    "puedo senor senora senorita maestro maestra director directora escuela estimado estimada querido querida "
    "dios enfermo enferma hijo hija nino nina anos vive tiene favor llame llamo digale dile "
    "familia familias sr sra srta "
    # Portuguese, French, Haitian Creole
    "obrigado obrigada ola bom boa os as um uma meu minha seu sua e sao esta nao sim com sem para ele ela nos "
    "voce voces senhor senhora professor professora escola bonjour merci le les des du un une mon ma mes notre "
    "votre vos est sont je tu il elle nous vous ils elles ne pas et ou mais parce que pour avec sans dans chez "
    "monsieur madame ecole mwen ou li nou yo pitit gason fi se pa gen ap te pral ak epi men pou nan lekol bonjou "
    "mesi tanpri souple ki sa mme mlle fanmi "
    # Ukrainian, Russian: also the polite "you" with a capital
    "вы вас вам вами ваш ваша ваше ваши вашего вашей вашему вашим ви ваші вашого вашої я мы он она они и а но не "
    "нет да в на с у к по за из от до это что как где когда мой моя мое наш наша здравствуйте пожалуйста спасибо "
    "ми він вона вони і й та але ні так в з до це що як де коли мій моє доброго дня вітаю будь ласка дякую живу "
    "болеет хворіє "
    # Arabic, Persian, Pashto, Somali, Tagalog
    "و في من على انا أنا عمري عمره عمرها ابني ابنتي هو هي است هست دی ده waa iyo ay ang ng ko po na si at"
)
_VIETNAMESE_WORDS = "tôi con em anh chị cô thầy ông bà xin chào cảm ơn là không và hôm nay mai trường cháu bị"
LISTED_LANGUAGES = "en es pt fr ht ar uk ru zh vi fa ps so am tl ko de it pl hi ur bn ja ro sw quc"
HAITIAN_DATE_WORDS = (
    "lendi madi mèkredi jedi vandredi samdi dimanch "
    "janvye fevriye mas avril me jen jiyè out septanm oktòb novanm desanm"
)
"""Days and months in Haitian Creole, which CLDR doesn't have."""


def fold_word(word: str) -> str:
    """Return a word without capitals and accents. The letters й and ї stay, because they are separate letters."""
    plain = unicodedata.normalize("NFD", word.casefold())
    folded = "".join(char for char in plain if char in "\u0306\u0308" or not unicodedata.combining(char))
    return unicodedata.normalize("NFC", folded)


PERSONAL_NAMES = frozenset(_PERSONAL_NAMES.split())
ORDINARY_WORDS = frozenset(map(fold_word, _ORDINARY_WORDS.split()))
VIETNAMESE_WORDS = frozenset(map(fold_word, _VIETNAMESE_WORDS.split()))
"""A separate list, because "An", "Em", and "Le" are names in Vietnamese and ordinary words elsewhere."""


def is_name(word: str) -> bool:
    """Return whether this word is a common personal name, in any case."""
    return fold_word(word) in PERSONAL_NAMES


def is_ordinary(word: str, language: str) -> bool:
    """Return whether this word is no name: a listed word, a day, a month, or a language, in English or `language`."""
    plain = fold_word(word)
    listed_words = VIETNAMESE_WORDS if language == "vi" else ORDINARY_WORDS
    return plain in listed_words or plain in _load_calendar_words("en") or plain in _load_calendar_words(language)


@lru_cache(maxsize=256)
def _load_calendar_words(language: str) -> frozenset[str]:
    """Return the days, months, and languages in this language, from CLDR."""
    try:
        locale = Locale.parse(language.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return frozenset(map(fold_word, HAITIAN_DATE_WORDS.split()))
    times = [*locale.days["format"]["wide"].values(), *locale.months["format"]["wide"].values()]
    short = [*locale.days["format"]["abbreviated"].values(), *locale.months["format"]["abbreviated"].values()]
    languages = [locale.languages.get(code, "") for code in LISTED_LANGUAGES.split()]
    words = " ".join((*times, *short, *languages)).split()
    if language == "ht":
        words += HAITIAN_DATE_WORDS.split()
    return frozenset(fold_word(word.strip(".,()")) for word in words)
