//! The small words of each language, as customers write them. A word may belong to several.

const WORDS: &[(&str, &str)] = &[
    (
        "en",
        "the is are was where what when how why who my your i you it this that have has had do does did can could would will not don't can't isn't i'm and or for with please thanks thank hello hi hey need want get got order orders cancel refund price delivery shipping help account payment invoice return any there been still they we to of in on at from",
    ),
    (
        "de",
        "der die das ist sind war wo was wann wie warum wer mein meine ich du sie es nicht kein keine und oder für mit bitte danke hallo guten tag morgen haben habe hat kann können möchte brauche noch wir ein eine einen auf zu von im am den dem mir mich",
    ),
    (
        "fr",
        "le la les est sont où quand comment pourquoi qui mon ma mes je tu vous il elle ne pas et ou pour avec merci bonjour salut svp ai avez peux pouvez voudrais besoin une un des du je j'ai c'est n'est s'il plaît toujours commande sur dans qu'est est-ce",
    ),
    (
        "es",
        "el la los las es son está dónde donde qué cuándo cuando cómo como por porque quién mi mis yo tú usted no y o para con favor gracias hola buenos buenas tengo tiene puedo puede quiero necesito una un del al todavía pedido mucho muy me se ha llegado",
    ),
    (
        "it",
        "il lo la gli è sono dove cosa quando come perché perchè chi mio mia miei io tu lei non e o per con favore grazie mille ciao buongiorno ho ha posso può vorrei bisogno una un del della ancora ordine mi che si sto questo",
    ),
    (
        "pt",
        "o a os as é são está onde que quando como porque quem meu minha eu você não e ou para com favor obrigado obrigada olá oi bom tenho tem posso pode quero preciso uma um do da ainda pedido meus já chegou muito",
    ),
    (
        "nl",
        "de het een is zijn waar wat wanneer hoe waarom wie mijn ik jij je u niet geen en of voor met alstublieft bedankt dank hallo hoi heb heeft kan kunnen wil graag nodig nog mij op te van bestelling goedemorgen dit dat",
    ),
    (
        "sv",
        "är var vad när hur varför vem min mitt mina jag du ni inte och eller för med tack hej har kan skulle vill behöver ännu en ett på av till det den snälla beställning inga",
    ),
    (
        "da",
        "er hvor hvad hvornår hvordan hvorfor hvem min mit mine jeg du ikke og eller for med tak hej har kan vil gerne brug endnu en et på af til det den venligst ordre ordren ingen noget skal have varen pengene",
    ),
    (
        "no",
        "er hvor hva når hvordan hvorfor hvem min mitt mine jeg du ikke og eller for med takk hei har kan vil gjerne trenger ennå en et på av til det den vennligst bestilling bestillingen ingen noe skal ha jeg pengene tilbake",
    ),
    (
        "fi",
        "on ovat missä mitä milloin miten miksi kuka minun minä sinä ei ja tai kiitos hei moi olen onko voin voitko haluan tarvitsen vielä tilaus tilaukseni tämä se en",
    ),
    (
        "pl",
        "jest są gdzie co kiedy jak dlaczego kto mój moja moje ja ty nie i lub dla z proszę dziękuję dzięki cześć dzień dobry mam ma mogę może chcę potrzebuję jeszcze paczka zamówienie czy się na do w mi",
    ),
    (
        "cs",
        "je jsou kde co kdy jak proč kdo můj moje moji já ty ne a nebo pro s prosím děkuji díky ahoj dobrý den mám má mohu můžu chci potřebuji ještě objednávka objednávku balík se na do v mi jsem",
    ),
    (
        "sk",
        "je sú kde čo kedy ako prečo kto môj moja moje ja ty nie a alebo pre s prosím ďakujem ahoj dobrý deň mám má môžem chcem potrebujem ešte objednávka balík sa na do v mi som",
    ),
    (
        "ro",
        "este sunt unde ce când cum de cine meu mea mele eu tu nu și sau pentru cu vă rog mulțumesc bună ziua salut am are pot poate vreau nevoie încă comanda o un la în mi",
    ),
    (
        "hu",
        "van vannak hol mi mikor hogyan miért ki az a én te nem és vagy köszönöm kérem szia üdvözlöm jó napot szeretnék szeretném kell még rendelésem rendelés egy csomagom hogy ez",
    ),
    (
        "tr",
        "nerede ne zaman nasıl neden kim benim ben sen değil ve veya için ile lütfen teşekkürler teşekkür merhaba selam var yok istiyorum ihtiyacım hala siparişim sipariş bir bu mi mı mu kargom",
    ),
    (
        "id",
        "adalah di mana apa kapan bagaimana mengapa kenapa siapa saya kamu anda tidak dan atau untuk dengan tolong terima kasih halo ada bisa mau ingin perlu masih pesanan ini itu yang belum sudah",
    ),
    (
        "vi",
        "là ở đâu gì khi nào thế tại sao ai của tôi bạn không và hoặc cho với xin cảm ơn chào có thể muốn cần vẫn đơn hàng",
    ),
    (
        "hr",
        "je su gdje što kada kako zašto tko moj moja moje ja ti ne i ili za s molim hvala bok dobar dan imam ima mogu može želim trebam još narudžba paket se na do u mi sam",
    ),
    (
        "sl",
        "je so kje kaj kdaj kako zakaj kdo moj moja moje jaz ti ne in ali za s prosim hvala živjo dober dan imam ima lahko želim potrebujem še naročilo paket se na do v mi sem",
    ),
    (
        "lt",
        "yra kur kas kada kaip kodėl mano aš tu ne ir ar prašau ačiū labas laba diena turiu galiu noriu reikia dar užsakymas",
    ),
    (
        "lv",
        "ir kur kas kad kā kāpēc mans mana es tu nav un vai lūdzu paldies sveiki labdien man varu gribu vajag vēl pasūtījums",
    ),
    (
        "et",
        "on kus mis millal kuidas miks kes minu mina sina ei ja või palun aitäh tere mul saan tahan vajan veel tellimus",
    ),
    (
        "ca",
        "el la els les és són on què quan com per qui meu meva jo tu no i o amb si us plau gràcies hola bon dia tinc té puc vull necessito una un encara comanda",
    ),
    (
        "tl",
        "ang ng sa saan ano kailan paano bakit sino ko mo ako ikaw hindi at o para salamat kumusta may wala gusto kailangan po na",
    ),
    (
        "ru",
        "где что когда как почему кто мой моя мои я ты вы не и или для с пожалуйста спасибо привет здравствуйте есть нет могу можно хочу нужно ещё еще заказ мне это на в у",
    ),
    (
        "uk",
        "де що коли як чому хто мій моя мої я ти ви не і й або для з будь ласка дякую привіт вітаю є немає можу можна хочу треба ще замовлення мені це на в у",
    ),
    (
        "bg",
        "къде какво кога как защо кой моят моята моите аз ти вие не и или за с моля благодаря здравейте има няма мога може искам трябва още поръчка поръчката ми това на в е съм",
    ),
    (
        "be",
        "дзе што калі як чаму хто мой мая мае я ты вы не і або для з калі ласка дзякуй прывітанне ёсць няма магу хачу трэба яшчэ замова мне гэта",
    ),
    (
        "sr",
        "где шта када како зашто ко мој моја моје ја ти не и или за с молим хвала здраво имам има могу може желим још поруџбина ми је на у gde šta kada zašto ko",
    ),
    (
        "hi",
        "है हैं कहाँ कहां क्या कब कैसे क्यों कौन मेरा मेरी मेरे मैं आप नहीं और या के लिए कृपया धन्यवाद नमस्ते चाहिए अभी ऑर्डर",
    ),
    (
        "mr",
        "आहे आहेत कुठे काय कधी कसे का कोण माझा माझी माझे मी तुम्ही नाही आणि किंवा साठी कृपया धन्यवाद नमस्कार पाहिजे",
    ),
    ("ne", "छ छन् कहाँ के कहिले कसरी किन को मेरो म तपाईं छैन र वा लागि कृपया धन्यवाद नमस्ते चाहिन्छ"),
    (
        "ar",
        "أين اين ما ماذا متى كيف لماذا من هل أنا انا أنت لا ليس و أو مع فضلك شكرا مرحبا السلام عليكم لدي عندي أريد اريد أحتاج طلبي في على إلى",
    ),
    (
        "fa",
        "کجا چه چی کی چگونه چطور چرا من شما نیست و یا برای با لطفا ممنون مرسی سلام دارم می خواهم سفارش است را در به",
    ),
    (
        "ur",
        "ہے ہیں کہاں کیا کب کیسے کیوں کون میرا میری میرے میں آپ نہیں اور یا کے لیے براہ شکریہ سلام چاہیے آرڈر",
    ),
];

/// The languages that have this (lower-case) word among their small words.
pub(super) fn languages_of<'a>(word: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    WORDS
        .iter()
        .filter(move |(_, words)| words.split(' ').any(|known| known == word))
        .map(|(language, _)| *language)
}
