"""Sample messages in each language for the simulator's buttons: greeting, safety question, absence, and emergency."""
# ruff: noqa: E501 - one line for each language is easiest to read

SAMPLES: dict[str, tuple[str, ...]] = {
    "en": ("Hello, who is this?", "What does the school do if ICE comes?", "My child is sick today", "ICE is at my door right now"),
    "es": ("Hola, ¿quién es?", "¿Qué hace la escuela si llega la migra?", "Mi hijo está enfermo hoy", "La migra está en mi puerta ahorita"),
    "ht": ("Bonjou, kiyès sa a ye?", "Kisa lekòl la fè si ICE vini?", "Pitit mwen malad jodi a", "ICE nan pòt kay mwen kounye a"),
    "pt": ("Olá, quem é?", "O que a escola faz se a imigração vier?", "Meu filho está doente hoje", "A imigração está na minha porta agora"),
    "ar": ("مرحبا، من معي؟", "ماذا تفعل المدرسة اذا جاءت الهجرة؟", "ابني مريض اليوم", "رجال الهجرة على الباب الان"),
    "uk": ("Добрий день, хто це?", "Що робить школа, якщо прийде ICE?", "Моя дитина сьогодні захворіла", "ICE зараз біля моїх дверей"),
    "zh": ("你好，你是谁？", "移民局来学校怎么办？", "我孩子今天生病了", "移民局的人现在在我家门口"),
    "vi": ("Xin chào, ai vậy ạ?", "Nếu ICE đến trường thì sao?", "Con tôi hôm nay bị ốm", "ICE đang ở trước cửa nhà tôi"),
}  # fmt: skip
