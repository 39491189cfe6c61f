//! What the house says by itself, in the languages it knows.

use crate::{AssistantConfig, Texts};

/// Something that the house says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Say {
    /// Before anything is written.
    Greeting,
    /// That the assistant is a machine.
    Disclosure,
    /// That the answer failed.
    Apology,
    /// That it does not know.
    Unknown,
    /// That a human will take over.
    Handoff,
    /// The same when nobody is there now.
    OutsideHours,
    /// To a returning customer.
    WelcomeBack,
    /// The button that goes on with the topic.
    Resume,
    /// The button that starts afresh.
    Afresh,
    /// After the first button.
    Resumed,
    /// After the second button.
    Restarted,
    /// That a question was overlooked.
    Forgot,
    /// How satisfied?
    Rating,
    /// Thanks for the rating.
    Rated,
    /// That no more messages will be sent.
    OptedOut,
    /// That messages will be sent again.
    OptedIn,
    /// Thanks for the details of a lead.
    Collected,
}

/// How many things there are to say.
const SAYS: usize = 17;

impl Say {
    /// All of them.
    pub const ALL: [Self; SAYS] = [
        Self::Greeting,
        Self::Disclosure,
        Self::Apology,
        Self::Unknown,
        Self::Handoff,
        Self::OutsideHours,
        Self::WelcomeBack,
        Self::Resume,
        Self::Afresh,
        Self::Resumed,
        Self::Restarted,
        Self::Forgot,
        Self::Rating,
        Self::Rated,
        Self::OptedOut,
        Self::OptedIn,
        Self::Collected,
    ];

    /// Its name in the configuration's `texts`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Disclosure => "disclosure",
            Self::Apology => "apology",
            Self::Unknown => "unknown",
            Self::Handoff => "handoff",
            Self::OutsideHours => "outside_hours",
            Self::WelcomeBack => "welcome_back",
            Self::Resume => "resume",
            Self::Afresh => "afresh",
            Self::Resumed => "resumed",
            Self::Restarted => "restarted",
            Self::Forgot => "forgot",
            Self::Rating => "rating",
            Self::Rated => "rated",
            Self::OptedOut => "opted_out",
            Self::OptedIn => "opted_in",
            Self::Collected => "collected",
        }
    }
}

impl Texts {
    fn get(&self, say: Say) -> Option<&str> {
        let text = match say {
            Say::Greeting => &self.greeting,
            Say::Disclosure => &self.disclosure,
            Say::Apology => &self.apology,
            Say::Unknown => &self.unknown,
            Say::Handoff => &self.handoff,
            Say::OutsideHours => &self.outside_hours,
            Say::WelcomeBack => &self.welcome_back,
            Say::Resume => &self.resume,
            Say::Afresh => &self.afresh,
            Say::Resumed => &self.resumed,
            Say::Restarted => &self.restarted,
            Say::Forgot => &self.forgot,
            Say::Rating => &self.rating,
            Say::Rated => &self.rated,
            Say::OptedOut => &self.opted_out,
            Say::OptedIn => &self.opted_in,
            Say::Collected => &self.collected,
        };
        text.as_deref()
    }

    /// Those that are set, with their names.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        Say::ALL.into_iter().filter_map(|say| Some((say.as_str(), self.get(say)?)))
    }
}

impl AssistantConfig {
    /// The language to speak: `language` if the tenant supports it, else its default.
    #[must_use]
    pub fn language<'a>(&'a self, language: Option<&'a str>) -> &'a str {
        let supported = &self.languages.supported;
        language
            .filter(|tag| !tag.is_empty() && *tag != "und")
            .filter(|tag| supported.is_empty() || supported.iter().any(|known| known == tag))
            .unwrap_or(&self.languages.default)
    }

    /// What the house says, in the nearest language it is known in: the tenant's words, then the
    /// built-in ones, in the language asked for, then in the default one, then in English. `{name}`
    /// is filled in; `{topic}` is left to [`with_topic`].
    #[must_use]
    pub fn text(&self, language: Option<&str>, say: Say) -> String {
        let wanted = self.language(language);
        [wanted, &self.languages.default, "en"]
            .into_iter()
            .find_map(|tag| {
                let own = self.texts.get(tag).and_then(|texts| texts.get(say));
                own.or_else(|| built_in(tag, say))
            })
            .unwrap_or_default()
            .replace("{name}", &self.name)
    }
}

/// Fills the topic in.
#[must_use]
pub fn with_topic(text: &str, topic: &str) -> String {
    text.replace("{topic}", topic)
}

fn built_in(language: &str, say: Say) -> Option<&'static str> {
    let texts = match language {
        "en" => &EN,
        "de" => &DE,
        "fr" => &FR,
        "es" => &ES,
        "it" => &IT,
        "nl" => &NL,
        "pt" => &PT,
        _ => return None,
    };
    texts.get(say as usize).copied()
}

const EN: [&str; SAYS] = [
    "Hello! How can I help you?",
    "I am {name}, an AI assistant.",
    "I am sorry, I could not answer that just now. A colleague will get back to you.",
    "I don't know that for certain.",
    "I am passing you on to a colleague, who will reply here.",
    "I am passing this on to a colleague. Nobody is available right now; you will get a reply here as soon as we are back.",
    "Welcome back! Last time we talked about {topic}. Shall we go on with that, or start afresh?",
    "Go on",
    "Start afresh",
    "Good, back to {topic}. What would you like to know?",
    "All right, let us start afresh. How can I help you?",
    "I am sorry that I overlooked your question.",
    "How satisfied were you with this conversation, from 1 (not at all) to 5 (very)?",
    "Thank you for your rating.",
    "You will get no more messages that you did not ask for. Write START to allow them again.",
    "You will get messages from us again. Write STOP to end them.",
    "Thank you, I have noted your details.",
];

const DE: [&str; SAYS] = [
    "Hallo! Wie kann ich Ihnen helfen?",
    "Ich bin {name}, ein KI-Assistent.",
    "Es tut mir leid, das konnte ich gerade nicht beantworten. Eine Kollegin oder ein Kollege meldet sich bei Ihnen.",
    "Das weiß ich nicht sicher.",
    "Ich gebe Sie an eine Kollegin oder einen Kollegen weiter; die Antwort kommt hier.",
    "Ich gebe das an eine Kollegin oder einen Kollegen weiter. Gerade ist niemand da; Sie bekommen hier eine Antwort, sobald wir zurück sind.",
    "Willkommen zurück! Beim letzten Mal ging es um {topic}. Machen wir damit weiter oder fangen wir neu an?",
    "Weitermachen",
    "Neu anfangen",
    "Gut, zurück zu {topic}. Was möchten Sie wissen?",
    "In Ordnung, fangen wir neu an. Wie kann ich Ihnen helfen?",
    "Es tut mir leid, dass ich Ihre Frage übersehen habe.",
    "Wie zufrieden waren Sie mit diesem Gespräch, von 1 (gar nicht) bis 5 (sehr)?",
    "Danke für Ihre Bewertung.",
    "Sie erhalten keine Nachrichten mehr, um die Sie nicht gebeten haben. Schreiben Sie START, um sie wieder zu erlauben.",
    "Sie erhalten wieder Nachrichten von uns. Schreiben Sie STOP, um sie zu beenden.",
    "Danke, ich habe Ihre Angaben notiert.",
];

const FR: [&str; SAYS] = [
    "Bonjour ! Comment puis-je vous aider ?",
    "Je suis {name}, un assistant IA.",
    "Je suis désolé, je n'ai pas pu répondre. Un collègue va revenir vers vous.",
    "Je n'en suis pas certain.",
    "Je vous passe un collègue, qui vous répondra ici.",
    "Je transmets votre demande à un collègue. Personne n'est disponible pour l'instant ; vous aurez une réponse ici dès notre retour.",
    "Bon retour ! La dernière fois, nous parlions de {topic}. On continue ou on recommence ?",
    "Continuer",
    "Recommencer",
    "Bien, revenons à {topic}. Que souhaitez-vous savoir ?",
    "D'accord, recommençons. Comment puis-je vous aider ?",
    "Je suis désolé d'avoir oublié votre question.",
    "Êtes-vous satisfait de cette conversation, de 1 (pas du tout) à 5 (très) ?",
    "Merci pour votre note.",
    "Vous ne recevrez plus de messages non demandés. Écrivez START pour les autoriser à nouveau.",
    "Vous recevrez à nouveau nos messages. Écrivez STOP pour les arrêter.",
    "Merci, j'ai noté vos informations.",
];

const ES: [&str; SAYS] = [
    "¡Hola! ¿En qué puedo ayudarle?",
    "Soy {name}, un asistente de IA.",
    "Lo siento, no he podido responder. Un compañero se pondrá en contacto con usted.",
    "No lo sé con certeza.",
    "Le paso con un compañero, que le responderá aquí.",
    "Se lo paso a un compañero. Ahora no hay nadie disponible; recibirá una respuesta aquí en cuanto volvamos.",
    "¡Bienvenido de nuevo! La última vez hablamos de {topic}. ¿Seguimos con eso o empezamos de nuevo?",
    "Seguir",
    "Empezar de nuevo",
    "Bien, volvamos a {topic}. ¿Qué desea saber?",
    "De acuerdo, empecemos de nuevo. ¿En qué puedo ayudarle?",
    "Siento haber pasado por alto su pregunta.",
    "¿Qué tan satisfecho está con esta conversación, de 1 (nada) a 5 (mucho)?",
    "Gracias por su valoración.",
    "No recibirá más mensajes que no haya pedido. Escriba START para volver a permitirlos.",
    "Volverá a recibir nuestros mensajes. Escriba STOP para dejar de recibirlos.",
    "Gracias, he anotado sus datos.",
];

const IT: [&str; SAYS] = [
    "Salve! Come posso aiutarla?",
    "Sono {name}, un assistente IA.",
    "Mi dispiace, non sono riuscito a rispondere. Un collega la contatterà.",
    "Non lo so con certezza.",
    "La passo a un collega, che le risponderà qui.",
    "Passo la richiesta a un collega. Al momento non c'è nessuno; riceverà una risposta qui appena saremo di ritorno.",
    "Bentornato! L'ultima volta abbiamo parlato di {topic}. Continuiamo o ricominciamo?",
    "Continuare",
    "Ricominciare",
    "Bene, torniamo a {topic}. Che cosa desidera sapere?",
    "Va bene, ricominciamo. Come posso aiutarla?",
    "Mi dispiace di aver trascurato la sua domanda.",
    "Quanto è soddisfatto di questa conversazione, da 1 (per niente) a 5 (molto)?",
    "Grazie per la sua valutazione.",
    "Non riceverà più messaggi che non ha chiesto. Scriva START per consentirli di nuovo.",
    "Riceverà di nuovo i nostri messaggi. Scriva STOP per interromperli.",
    "Grazie, ho annotato i suoi dati.",
];

const NL: [&str; SAYS] = [
    "Hallo! Waarmee kan ik u helpen?",
    "Ik ben {name}, een AI-assistent.",
    "Het spijt me, ik kon dat nu niet beantwoorden. Een collega neemt contact met u op.",
    "Dat weet ik niet zeker.",
    "Ik verbind u door met een collega, die hier zal antwoorden.",
    "Ik geef dit door aan een collega. Er is nu niemand beschikbaar; u krijgt hier antwoord zodra we terug zijn.",
    "Welkom terug! De vorige keer ging het over {topic}. Gaan we daarmee verder of beginnen we opnieuw?",
    "Verdergaan",
    "Opnieuw beginnen",
    "Goed, terug naar {topic}. Wat wilt u weten?",
    "Prima, we beginnen opnieuw. Waarmee kan ik u helpen?",
    "Het spijt me dat ik uw vraag over het hoofd heb gezien.",
    "Hoe tevreden was u over dit gesprek, van 1 (helemaal niet) tot 5 (zeer)?",
    "Bedankt voor uw beoordeling.",
    "U krijgt geen berichten meer waar u niet om vroeg. Schrijf START om ze weer toe te staan.",
    "U krijgt weer berichten van ons. Schrijf STOP om ze te stoppen.",
    "Dank u, ik heb uw gegevens genoteerd.",
];

const PT: [&str; SAYS] = [
    "Olá! Como posso ajudar?",
    "Sou {name}, um assistente de IA.",
    "Lamento, não consegui responder agora. Um colega entrará em contacto consigo.",
    "Não sei isso com certeza.",
    "Vou passá-lo a um colega, que responderá aqui.",
    "Vou passar isto a um colega. De momento não há ninguém disponível; terá uma resposta aqui assim que voltarmos.",
    "Bem-vindo de volta! Da última vez falámos de {topic}. Continuamos ou recomeçamos?",
    "Continuar",
    "Recomeçar",
    "Muito bem, voltemos a {topic}. O que deseja saber?",
    "Está bem, vamos recomeçar. Como posso ajudar?",
    "Lamento ter deixado passar a sua pergunta.",
    "Qual é a sua satisfação com esta conversa, de 1 (nenhuma) a 5 (muita)?",
    "Obrigado pela sua avaliação.",
    "Não receberá mais mensagens que não pediu. Escreva START para voltar a permiti-las.",
    "Voltará a receber mensagens nossas. Escreva STOP para as terminar.",
    "Obrigado, anotei os seus dados.",
];
