"""What every line hears, in every language: greetings, thanks, opt-outs, wrong numbers, and anger."""

import pytest

from bot.base.text_normalization import NormalizedText
from bot.nlu import NluContext, classify_message

WORDINGS: dict[str, dict[str, str]] = {
    "greeting": {
        "en": "good evening, who am I texting with",
        "es": "buenas, ¿con quién hablo?",
        "pt": "bom dia, quem está falando?",
        "fr": "bonsoir, à qui ai-je l'honneur ?",
        "ht": "bonswa, ki moun ki la a?",
        "ar": "مساء الخير، مع من أتكلم؟",
        "uk": "добрий вечір, хто це пише?",
        "ru": "добрый вечер, кто это пишет?",
        "zh": "晚上好，请问你是谁？",
        "vi": "chào buổi tối, ai đang nhắn vậy ạ?",
        "fa": "سلام، شما کی هستید؟",
        "ps": "سلام، تاسو څوک یاست؟",
        "so": "galab wanaagsan, waa kuma qofka ila hadlaya?",
        "am": "ሰላም፣ ማን ነው የሚጽፈው?",
        "tl": "magandang gabi po, sino po ito?",
        "ko": "안녕하세요, 누구신가요?",
    },
    "thanks": {
        "en": "thank you so much",
        "es": "muchísimas gracias",
        "pt": "muito obrigada",
        "fr": "merci beaucoup",
        "ht": "mèsi anpil",
        "ar": "شكرا جزيلا",
        "uk": "дуже дякую",
        "ru": "большое спасибо",
        "zh": "非常感谢",
        "vi": "cảm ơn nhiều ạ",
        "fa": "خیلی ممنون",
        "ps": "ډېره مننه",
        "so": "aad baad u mahadsan tahay",
        "am": "በጣም አመሰግናለሁ",
        "tl": "maraming salamat po",
        "ko": "정말 감사합니다",
    },
    "opt-out": {
        "en": "please don't send me any more of these messages",
        "es": "por favor ya no me manden estos mensajes",
        "pt": "por favor não me mandem mais essas mensagens",
        "fr": "s'il vous plaît ne m'envoyez plus ces messages",
        "ht": "tanpri pa voye mesaj sa yo ban mwen ankò",
        "ar": "من فضلكم لا ترسلوا لي هذه الرسائل بعد الآن",
        "uk": "будь ласка, більше не надсилайте мені ці повідомлення",
        "ru": "пожалуйста, больше не присылайте мне эти сообщения",
        "zh": "请不要再给我发这些短信了",
        "vi": "làm ơn đừng gửi những tin nhắn này cho tôi nữa",
        "fa": "لطفا دیگر این پیام ها را برای من نفرستید",
        "ps": "مهرباني وکړئ نور دا پیغامونه ماته مه رالېږئ",
        "so": "fadlan ha ii soo dirina farriimahan mar dambe",
        "am": "እባካችሁ እነዚህን መልእክቶች ከእንግዲህ አትላኩልኝ",
        "tl": "pakiusap huwag na kayong magpadala ng ganitong mensahe sa akin",
        "ko": "이런 문자 더 이상 보내지 마세요",
    },
    "wrong number": {
        "en": "sorry, I think you texted the wrong number",
        "es": "disculpe, creo que tiene el número equivocado",
        "pt": "desculpe, acho que você está com o número errado",
        "fr": "désolé, vous avez le mauvais numéro",
        "ht": "eskize m, ou gen move nimewo a",
        "ar": "عفوا، الرقم الذي عندك غلط",
        "uk": "вибачте, ви помилилися номером",
        "ru": "извините, вы ошиблись номером",
        "zh": "不好意思，你发错号码了",
        "vi": "xin lỗi, bạn nhầm số rồi",
        "fa": "ببخشید، شماره را اشتباه گرفته اید",
        "ps": "بخښنه غواړم، شمېره مو غلطه ده",
        "so": "iga raali noqo, lambarku waa khaldan yahay",
        "am": "ይቅርታ፣ ቁጥሩ የተሳሳተ ነው",
        "tl": "sorry po, wrong number po kayo",
        "ko": "죄송하지만 번호를 잘못 아신 것 같아요",
    },
    "anger": {
        "en": "I asked you three times already and you people never answer",
        "es": "ya pregunté tres veces y ustedes nunca contestan",
        "pt": "já perguntei três vezes e vocês nunca respondem",
        "fr": "j'ai demandé trois fois et vous ne répondez jamais",
        "ht": "mwen mande twa fwa deja epi nou pa janm reponn",
        "ar": "سألت ثلاث مرات وأنتم لا تجيبون أبدا",
        "uk": "я вже тричі питала, а ви ніколи не відповідаєте",
        "ru": "я уже три раза спрашивала, а вы никогда не отвечаете",
        "zh": "我问了三次了，你们从来不回答",
        "vi": "tôi hỏi ba lần rồi mà các người không bao giờ trả lời",
        "fa": "سه بار پرسیدم و شما هیچ وقت جواب نمی دهید",
        "ps": "درې ځله مې وپوښتل او تاسو هېڅکله ځواب نه راکوئ",
        "so": "saddex jeer ayaan weydiiyay oo weligiin ima jawaabtaan",
        "am": "ሦስት ጊዜ ጠየቅኩ እናንተ ግን መቼም አትመልሱም",
        "tl": "tatlong beses na akong nagtanong hindi kayo sumasagot",
        "ko": "세 번이나 물어봤는데 한 번도 대답을 안 하시네요",
    },
}
TOPICS = {
    "greeting": {"greeting_identity"},
    "thanks": {"short_reply"},
    "opt-out": {"opt_out"},
    "wrong number": {"opt_out"},
    "anger": {"talk_to_human"},
}


@pytest.mark.parametrize(
    ("meaning", "language"), [(meaning, language) for meaning, texts in WORDINGS.items() for language in texts]
)
def test_meaning_is_understood(meaning: str, language: str, context: NluContext) -> None:
    found = classify_message(NormalizedText(WORDINGS[meaning][language]), context)
    assert found.page != "now"
    assert TOPICS[meaning] & {found.intent, *found.choices[:1]}, (found.intent, found.choices)


def test_every_meaning_is_tested_in_every_language() -> None:
    assert {len(texts) for texts in WORDINGS.values()} == {16}
