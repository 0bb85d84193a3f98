"""Emergencies are found in every language, spelling, and mixture; lookalikes are not emergencies."""

import pytest

from bot.base.text_normalization import NormalizedText
from bot.nlu import (
    EMERGENCY_INTENTS,
    SEVERITY_BY_INTENT,
    NluContext,
    Phrasebook,
    SignalFile,
    classify_message,
    find_emergencies,
)

EMERGENCY_MESSAGES = {
    "enforcement_now": [
        "immigration officers are banging on our apartment door right now",
        "theres ICE in the parking lot of the school we cant leave",
        "masked men in unmarked cars are grabbing people by the bus stop",
        "ice is here what do i do",
        "HELP agents are inside our building!!!",
        "llego la migra a los apartamentos ayudenme",
        "hay unos encapuchados afuera de la escuela con chalecos",
        "se estan llevando a mi marido en el estacionamiento",
        "ahorita hay agentes de ice parados en la esquina de la primaria",
        "estan golpeando la puerta unos hombres dicen que son de migracion les abro?",
        "imigrasyon ap frape pòt nou kounye a",
        "gen ajan ICE devan lekol la",
        "a imigração está batendo na nossa porta me ajuda",
        "os caras do ice tão pegando gente na esquina da escola",
        "الهجرة عم يدقو الباب شو اعمل",
        "شرطة الهجرة واقفين قدام المدرسة هلق",
        "el hijra 3nd el bab",
        "shurta 3al bab byid2o",
        "імміграційна служба стоїть під дверима зараз",
        "нам выламывают дверь люди в масках",
        "移民局的人在砸我家的门",
        "ICE在学校门口抓人",
        "移民官現在在樓下",
        "di trú đang gõ cửa nhà tôi",
        "co ICE o bai dau xe cua truong cuu voi",
    ],
    "child_alone_now": [
        "my kids are alone at home, their dad was arrested this morning",
        "they took my mom and i dont know what to do im with my little brother",
        "nobody came to pick me up im still at school",
        "my daughter never got off the bus and we cant find her",
        "they detained my sister, who will pick up her son from school",
        "i am detained my children are at school",
        "me agarro la migra y mis hijos estan en la escuela",
        "mis niños se quedaron solitos en la casa porque detuvieron a su papa",
        "se llevaron a mi mami y estoy con mi hermanito",
        "mi niña no bajó del camión y no aparece",
        "yo arete manman m mwen sèl nan kay la ak ti frè m",
        "timoun yo poukont yo lakay la",
        "prenderam meus pais e eu estou sozinha em casa",
        "as crianças ficaram sozinhas, levaram a mãe delas",
        "اعتقلوا ابوهم والاولاد لحالهم بالبيت",
        "ابني ما رجع عالبيت من المدرسة وما عم لاقيه",
        "akhadu mama w ana la7ali bel beit",
        "чоловіка затримали а діти самі вдома",
        "маму забрали я один дома мне страшно",
        "爸爸妈妈都被抓走了 我一个人在家",
        "放学了没人接孩子 妈妈被移民局带走了",
        "ba mẹ bị bắt rồi mấy đứa nhỏ ở nhà một mình",
        "con gai toi khong thay ve nha",
    ],
    "self_harm_now": [
        "i dont want to live anymore",
        "my son says he wants to kill himself",
        "she is cutting herself and wrote a goodbye note",
        "he swallowed a whole bottle of pills",
        "mi hija se corta los brazos",
        "mi hijo dice que se quiere morir ya no quiere vivir",
        "me quiero matar",
        "pitit fi m nan di li vle mouri",
        "mwen pral touye tèt mwen",
        "meu filho falou que quer se matar",
        "não quero mais viver",
        "بنتي بتقول بدها تموت وبتجرح حالها",
        "ما بدي عيش",
        "beddi mout",
        "донька каже що не хоче жити",
        "сын режет себе руки режет себя",
        "我女儿想自杀",
        "活着没意思 不想活了",
        "con gái tôi rạch tay và nói muốn chết",
        "toi khong muon song",
    ],
    "danger_now": [
        "there is a boy with a gun in the bathroom",
        "shots fired near the school",
        "my baby cant breathe",
        "my son was hit by a car in front of the school he is hurt",
        "a student posted he is going to shoot up the school tomorrow",
        "hay un muchacho con una pistola en el baño",
        "se oyen balazos en la escuela",
        "mi niña no puede respirar",
        "gen yon nèg ak zam nan lakou lekòl la",
        "pitit mwen pa ka respire",
        "tem um homem armado na porta da escola",
        "meu bebê não consegue respirar",
        "في ولد معه سكين بالصف",
        "ابني ما عم يقدر يتنفس ابني لا يتنفس",
        "у хлопця в класі ніж",
        "ребенок не дышит",
        "有个学生带枪到学校",
        "孩子不能呼吸了 救命",
        "có người cầm súng trong trường",
        "con toi khong tho duoc",
        "cháy ở trường",
    ],
    "abuse_violence_home": [
        "my husband beats me in front of the kids",
        "my stepdad touches me at night",
        "im scared to go home my dad will hit me again, he hits me with a belt",
        "he choked me and took my phone",
        "mi esposo me golpeo anoche",
        "mi padrastro me toca",
        "me da miedo regresar a mi casa mi papa me pega si no hago la tarea",
        "mari m ap bat mwen",
        "bòpè m manyen m lannwit",
        "meu marido me bate e me tranca em casa",
        "apanho do meu padrasto",
        "زوجي بيضربني كل يوم",
        "jozi byidrubni",
        "чоловік мене б'є коли п'яний",
        "отчим избивает меня",
        "我老公打我还威胁要杀我",
        "爸爸用皮带打我",
        "chồng tôi đánh đập tôi",
        "bo duong so mo con",
        "ba con đánh con",
    ],
}

HARMLESS = [
    "can you bring ice cream for the class party",
    "is school open, the roads are icy and there is ice on the road",
    "she fell, the nurse put ice on her knee",
    "nice weather, advice about the bus please",
    "photo shoot for the yearbook is friday?",
    "he is shooting hoops after school, pick up at 5",
    "the flu shots at the clinic, are they free",
    "my phone is dying, text you later",
    "this homework is killing me lol",
    "i am dying to see the play",
    "she has a movie about ICE for class homework about immigration",
    "was there a fire drill today",
    "someone took my son's backpack",
    "he eats alone at lunch, can a teacher help",
    "what does the school do if ICE comes",
    "what if both of us are taken, who keeps my kids in case we are deported",
    "i need an immigration lawyer near the school",
    "me muero de risa con ese video",
    "mi hijo se muere de hambre a las 12 jaja muerto de hambre",
    "hace frio hay hielo en la calle",
    "que hacen ustedes si la migra llega a la escuela",
    "dicen que anda la migra es cierto",
    "pelicula de la migra para la clase",
    "mi hijo perdio su mochila",
    "se le perdio la chamarra a mi niña en la escuela",
    "le pego la gripe a mi niño, no va a ir",
    "mwen bezwen yon avoka imigrasyon",
    "èske se vre imigrasyon ap vini lekòl la",
    "m ap mouri ri",
    "to morrendo de rir",
    "é verdade que a imigração vem na escola",
    "ele matou aula ontem",
    "بدنا آيس كريم للحفلة بالمدرسة",
    "هل صحيح ان الهجرة رح تيجي عالمدرسة",
    "انا ميت من الضحك",
    "вмираю зі сміху",
    "чи правда що ICE приїде до школи",
    "фотосесія в школі коли",
    "我快笑死了",
    "孩子今天打疫苗 打针疼不疼",
    "听说移民局要来学校是真的吗",
    "thay cuoi chet",
    "nghe nói có ICE gần trường có thật không",
    "con tôi đánh răng rồi đi học",
]


@pytest.mark.parametrize(
    ("intent", "text"), [(intent, text) for intent, texts in EMERGENCY_MESSAGES.items() for text in texts]
)
def test_emergency_is_found_in_any_language(intent: str, text: str, context: NluContext) -> None:
    found = classify_message(NormalizedText(text), context)
    assert intent in (found.intent, *found.secondary_intents, found.suspected_intent)


@pytest.mark.parametrize("text", HARMLESS)
def test_lookalike_is_not_an_emergency(text: str, context: NluContext) -> None:
    assert classify_message(NormalizedText(text), context).severity != "escalate_now"


def test_wrong_stored_language_hides_no_emergency(context: NluContext) -> None:
    wrong = NluContext(context.phrasebook, ("en", "zh"), "zh")
    assert classify_message(NormalizedText("la migra esta en mi puerta"), wrong).severity == "escalate_now"


def test_answer_uses_the_language_of_the_emergency(context: NluContext) -> None:
    assert classify_message(NormalizedText("el hijra 3nd el bab"), context).lang == "ar"


def test_idiom_next_to_an_emergency_does_not_hide_it(phrasebook: Phrasebook) -> None:
    assert find_emergencies("we were eating ice cream and now ICE is at our door", phrasebook)
    assert find_emergencies("my phone is dying, my son wants to die", phrasebook)[0][0] == "self_harm_now"


def test_several_emergencies_are_ordered_and_all_kept(context: NluContext) -> None:
    found = classify_message(NormalizedText("ICE is at the door and my kids are home alone"), context)
    assert (found.intent, found.secondary_intents) == ("child_alone_now", ("enforcement_now",))
    assert classify_message(NormalizedText("my husband beats me i want to die"), context).intent == "self_harm_now"
    assert (
        classify_message(NormalizedText("my husband has a gun and he beats me"), context).intent
        == "abuse_violence_home"
    )


def test_language_with_patterns_covers_all_five_emergencies(files: dict[str, SignalFile]) -> None:
    for lang, file in files.items():
        assert set(file.emergencies) in (set(), set(EMERGENCY_INTENTS)), lang
    assert {SEVERITY_BY_INTENT[intent] for intent in EMERGENCY_INTENTS} == {"escalate_now"}
