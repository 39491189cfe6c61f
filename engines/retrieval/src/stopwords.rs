//! Words that say nothing about what a text is about.

const ENGLISH: &str = " a about above after again all also am an and any are as at be because been before \
    being below between both but by can could did do does doing down during each few for from \
    further had has have having he her here hers him his how i if in into is it its itself just me \
    more most my no nor not of off on once only or other our out over own same she should so some \
    such than that the their them then there these they this those through to too under until up \
    very was we were what when where which while who whom why will with would you your i'm i've \
    i'd it's don't can't doesn't didn't isn't aren't won't there's that's what's please ";
const GERMAN: &str = " aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dein \
    dem den der des die dies diese dieser dieses doch dort du durch ein eine einem einen einer eines \
    er es euch euer für hat hatte haben hier ich ihm ihn ihr ihre im in ist ja jede jeder kann kein \
    keine können man mein meine mich mir mit muss nach nicht noch nun nur ob oder ohne sehr sein \
    seine sich sie sind so soll über um und uns unser unter vom von vor war was weil welche wenn wer \
    wie wieder will wir wird wo zu zum zur bitte ";
const FRENCH: &str = " à ai au aux avec ce ces cet cette ceux comme dans de des du elle elles en est et \
    être eu il ils j'ai je la le les leur leurs lui ma mais me même mes moi mon ne nos notre nous on \
    ont ou où par pas pour pourquoi quand que quel quelle qui sa sans se ses si son sont sur ta te \
    tes toi ton tu un une vos votre vous y c'est est-ce comment ";
const SPANISH: &str = " a al algo antes aquí así aun con como cómo cual cuál cuando cuándo de del desde \
    donde dónde dos el él ella ellas ellos en entre era es esa ese eso esta está este esto estos fue \
    ha hace han hasta hay la las le les lo los más me mi mis muy nada ni no nos o os otra otro para \
    pero poco por porque que qué quien quién se ser si sí sin sobre son su sus también tan te tiene \
    todo tu tus un una uno unos y ya yo ";
const ITALIAN: &str = " a ad ai al alla alle anche che chi ci come con cosa da dal dalla degli dei del \
    della delle di dove e è ed era gli ha hanno ho i il in io la le lei lo loro lui ma me mi mia mio \
    ne nei nel nella no noi non o per perché più quale quando quella quello questa questo se sei si \
    sia sono su sua sul sulla suo ti tra tu un una uno vi voi ";
const PORTUGUESE: &str = " a ao aos as às com como da das de dela dele do dos e é ela ele eles em entre era \
    essa esse esta está este eu foi há isso isto já lhe mais mas me mesmo meu minha muito na não nas \
    nem no nos nós o onde os ou para pela pelo por porque qual quando que quem se sem ser seu sua são \
    só também te tem um uma você ";
const DUTCH: &str = " aan al als bij dan dat de der deze die dit door een en er ge geen had heb hebben \
    heeft het hij hoe hun ik in is je kan maar me met mij mijn moet na naar niet nog nu of om omdat \
    ons ook op over te tot u uit van veel voor waar wanneer want waren was wat we wel werd wie wij \
    worden zal ze zich zij zijn zo ";

/// Whether a word in lower case is one. Of a language that is not listed, none is.
pub(crate) fn is_stopword(word: &str, language: &str) -> bool {
    let list = match language.get(..2).unwrap_or(language) {
        "en" => ENGLISH,
        "de" => GERMAN,
        "fr" => FRENCH,
        "es" => SPANISH,
        "it" => ITALIAN,
        "pt" => PORTUGUESE,
        "nl" => DUTCH,
        _ => return false,
    };
    contains(list, word)
}

/// The lists are short; looking through one costs about as much as a hash.
fn contains(list: &str, word: &str) -> bool {
    if word.len() > 9 {
        return false;
    }
    let mut wanted = String::with_capacity(word.len() + 2);
    wanted.push(' ');
    wanted.push_str(word);
    wanted.push(' ');
    list.contains(&wanted)
}
