using System.Text.RegularExpressions;

namespace Aperture.Text;

/// <summary>
/// The rules of Penn Treebank tokenization of English: what is one token. Written after the behaviour of Stanford CoreNLP 3.4.1 with its defaults, for
/// captions: emoji and rare scripts are left to the rules for symbols and letters.
/// </summary>
internal static partial class PtbRules
{
    private const string Blank = @"[ \t\u00A0\u2000-\u200A\u3000]", BlankOrEnd = @"[ \t\u00A0\u2000-\u200A\u3000\r\n\u2028\u2029\u000B\u000C\u0085]";
    private const string Letter = @"(?:[\p{L}\p{M}\u00AD]|&[aeiouAEIOU](?:acute|grave|uml);)", AlphaNum = @"[\p{L}\p{M}\p{Nl}\p{Nd}]";
    private const string Word = $@"{Letter}(?:{Letter}|\p{{Nd}})*(?:[.!?]{Letter}(?:{Letter}|\p{{Nd}})*)*";
    private const string Apos = @"(?:['\u0092\u2019\u00B4]|&apos;)", AposEtc = @"(?:['\u0092\u2019\u00B4`\u0091\u2018\u201B]|&apos;)";
    private const string Clitic = $@"{Apos}(?i:re|ve|ll|[msd])", NotClitic = $@"[nN]{AposEtc}[tT]";
    private const string Number = @"(?:\p{Nd}+(?:[.:,\u00AD\u066B\u066C]\p{Nd}+)*|(?:[.,\u066B\u066C]\p{Nd}+)+)";
    private const string Hyphen = @"[-_\u058A\u2010\u2011]", French = $@"(?:[dDoOlL]{AposEtc}{AlphaNum})?";

    // A number goes as far as it can, unless letters follow it.
    private const string Hyphenated
        = $@"{French}(?:[-+]?{Number}(?!{AlphaNum})|{AlphaNum}+)(?:{Hyphen}{French}(?:{Number}(?!{AlphaNum})|{AlphaNum}+))*";

    private const string InitialsOfTwo = @"(?:[A-Za-z](?:\.[A-Za-z])+)", Initials = @"(?:[A-Za-z](?:\.[A-Za-z])*)";
    private const string Dotted = $@"{AlphaNum}[\p{{L}}\p{{M}}\p{{Nd}}.,\u00AD]*(?:-(?:{InitialsOfTwo}\.|[\p{{L}}\p{{M}}\p{{Nd}}\u00AD]+(?:\.\p{{Nd}}+)?))+";
    private const string Slashed = $@"{AlphaNum}+(?:-[\p{{L}}\p{{M}}]+){{0,2}}(?:\\?/{AlphaNum}+(?:-[\p{{L}}\p{{M}}]+){{0,2}}){{1,2}}";

    // Words that end with a period of their own, whatever follows them; in capitals or not where both are common.
    private const string Before = "(?i:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thu|thurs|fri|ala|ariz|calif|colo|conn|ct|dak|fla|ga|ind|"
        + "kans?|ky|md|mich|minn|mo|mont|neb|nev|okla|penn|tenn|va|vt|wisc?|wyo|inc|cos?|corp|pp?t[ye]s?|ltd|plc|rt|bancorp|bhd|assn|univ|intl|sys|tel|est|"
        + @"ext|sq|jr|bros|(?:ed|ph)\.d|esq|etc|al|seq|bldg)|[Aa]z|Ark|Del|Ill|La|Mass|Miss|Ore|Pa|Tex|Wash";

    private const string Titles = "(?i:mr|mrs|ms|drs?|profs?|sens?|reps?|attys?|lt|col|gen|messrs|govs?|adm|rev|maj|sgt|cpl|pvt|capt|ste?|ave|pres|lieut|"
        + @"hon|brig|co?mdr|pfc|spc|supts?|det|mt|ft|adj|adv|asst|assoc|ens|insp|mlle|mme|msgr|sfc|vs|alex|wm|jos|cie|a\.k\.a|cf|ph|elec|natl|mfg|mtg|dept|"
        + "blvd|rd|invt)|Miss|v";

    private const string BeforeNumbers = "(?i:ca|figs?|prop|nos?|sect?s?|arts?|paras?|bldg|pp|op|approx|rs)|P[t]";
    private const string Quotes = @"(?:['\u0092\u2019\u00B4]|&apos;|[`\u2018-\u201F\u0082\u0084\u0091-\u0094\u2039\u203A\u00AB\u00BB]{1,2})";
    private const string Double = @"(?:""|&quot;|[`'\u0091\u0092\u2018\u2019]')";
    private const string TagName = "[A-Za-z][A-Za-z0-9_:.-]*", TagValue = @"(?:'[^'\r\n]*'|""[^""\r\n]*""|[A-Za-z][A-Za-z0-9_:.-]*)";
    private const string NotUrl = @"\s""<>|.!?(){},";

    // Words after which a single initial with a period before them ends its sentence.
    private const string Openers = "About|According|Additionally|After|An|As|At|But|Did|During|Earlier|Her|Here|However|How|He|If|In|It|Last|Many|More|Now|"
        + @"Once|One|Other|Our|She|Since|Some|Such|So|That|Their|Then|There|These|They|The|This|While|When|What|Why|Who|We|Yet|You|A|Mr\.|Ms\.";

    private static readonly string[] _cut = ["cannot", "dunno", "gonna", "gotta", "lemme", "gimme", "wanna", "nno"];

    private static readonly PtbRule[] _rules = [.. Words(), .. Marks()];

    /// <summary>Whether a word of letters is cut in two.</summary>
    /// <param name="word">The word.</param>
    public static bool IsCut(ReadOnlySpan<char> word)
    {
        foreach (string cut in _cut)
        {
            if (word.Equals(cut, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The rule of the next token, and the token's length.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Where the token begins.</param>
    /// <returns>No rule and 0 where none matches.</returns>
    public static (PtbRule? Rule, int Length) Longest(string text, int at)
    {
        (PtbRule? Rule, int Length) found = (null, 0);
        int longest = 0;
        foreach (PtbRule rule in _rules)
        {
            Match match = rule.Pattern.Match(text, at);
            if (match.Success && match.Length > longest)
            {
                longest = match.Length;
                found = (rule, match.Groups[1].Length);
            }
        }

        return found;
    }

    private static IEnumerable<PtbRule> Words() =>
    [
        Rule("((?i:c)[+][+]|(?i:[cf])#)"),
        Rule("((?i:can))(?i:not)"),
        Rule("('(?i:t))(?i:was)"),
        Rule("((?i:du))(?i:nno)"),
        Rule($"({Apos}(?i:t))(?i:is)"),
        Rule("((?i:gon|wan))(?i:na)"),
        Rule("((?i:got))(?i:ta)"),
        Rule("((?i:lem|gim))(?i:me)"),
        Rule("((?i:n))(?i:no)"),
        Rule($@"(<(?:[!?][A-Za-z-][^>\r\n]*|{TagName}(?: +{TagName}(?: *= *{TagValue})?)* */?|/{TagName}) *>)", text => text.Replace(' ', '\u00A0')),
        Rule("(&(?:MD|mdash|ndash);|[\u0096\u0097\u2013\u2014\u2015])", _ => "--"),
        Rule("(&amp;)", _ => "&"),
        Rule("(&(?:HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);)"),
        Rule($"({Word}){Clitic}", Plain),
        Rule($@"([\p{{L}}\p{{M}}\u00AD]*[A-MO-Za-mo-z]\u00AD*){NotClitic}", Plain),
        Rule($"({Word})", Plain),
        Rule(
            $@"({Apos}[nN]{Apos}?|[lLdDjJ]{Apos}|(?i:dunkin|somethin|ol){Apos}|{Apos}(?i:em)|(?i:diff){AposEtc}(?i:rent)|[A-HJ-XZn]{AposEtc}\p{{L}}{{2,}}|"
            + $@"{Apos}[2-9]0[sS]|{Apos}(?i:till?)|\p{{L}}+[aeiouyAEIOUY]{AposEtc}[aeiouA-Z]\p{{L}}*|{Apos}(?i:cause)|(?i:cont'd)\.?|(?i:nor'easter|c'mon|e'er|"
            + $"s'mores|ev'ry|li'l|nat'l)|[oO]{AposEtc}[oO])", Quoted),
        Rule($@"([yY]{Apos})\p{{L}}", Quoted),
        Rule(@"((?i:ftp|svn|svn\+ssh|https?|mailto)://[^\s""<>|(){}\[\]]+[^\s""'<>|.!?(){},;:&\[\]-])"),
        Rule($@"((?:(?i:www)\.(?:[^{NotUrl}]+\.)+[a-zA-Z]{{2,4}}|(?:[^{NotUrl}`'_$-]+\.)+(?i:com|net|org|edu))(?:/[^\s""<>|()]+[^{NotUrl}-])?)"),
        Rule("((?:&lt;|<)?(?i:mailto:)?[a-zA-Z0-9._%+-]+@[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9](?:&gt;|>)?)"),
        Rule($@"([@\uFF20][a-zA-Z_][a-zA-Z_0-9]*|[#\uFF03]{Letter}(?:{Letter}|[\p{{Nd}}_])*(?:{Letter}|\p{{Nd}}))"),
        Rule($@"({Clitic})[^\p{{L}}\p{{M}}]", Quoted),
        Rule($@"({NotClitic})[^\p{{L}}\p{{M}}]", Quoted),
        Rule(@"(\p{Nd}{1,2}[-/]\p{Nd}{1,2}[-/]\p{Nd}{2,4})"),
        Rule($@"([-+]?{Number})", text => text.Replace("\u00AD", "", StringComparison.Ordinal).Replace("\u066C", "", StringComparison.Ordinal)),
        Rule(@"([\u207A\u207B\u208A\u208B]?(?:[\u2070\u00B9\u00B2\u00B3\u2074-\u2079]+|[\u2080-\u2089]+))"),
        Rule(@"((?:\p{Nd}{1,4}[- \u00A0])?\p{Nd}{1,4}(?:\\?/|\u2044)\p{Nd}{1,4})", text => text.Replace(' ', '\u00A0')),
        Rule(@"([\u00BC\u00BD\u00BE\u2153-\u215E])", Fraction),
        Rule($"(-(?:RRB|LRB|RCB|LCB|RSB|LSB)-|(?i:c)\\.(?i:d)\\.(?i:s)|(?i:pro|anti)-|(?i:cap){Apos}(?i:n)|(?i:c){Apos}(?i:est))", Quoted),
        Rule("((?:(?i:yahoo|jeopardy)|[eE])!)"),
        Rule($"({Slashed})"),
        Rule($@"([A-Za-z])\.{Blank}+(?:{Openers})(?:{Blank}|[?!\n])"),
        Rule($@"((?:{BeforeNumbers})\.){BlankOrEnd}?\p{{Nd}}"),
        Rule($@"((?:{Before})\.)"),
        Rule($@"((?:{Titles}|{Initials})\.)"),
        Rule($"({Initials}){BlankOrEnd}"),
        Rule($"({Apos}[0-9][0-9]){BlankOrEnd}", Quoted),
        Rule($@"({Word}\.)[,;:\u3001]", Plain),
        Rule($@"({Hyphenated})", Quoted),
        Rule($"({Dotted})", Plain),
        Rule(@"([A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+)", text => text.Replace("&amp;", "&", StringComparison.Ordinal)),
    ];

    private static PtbRule Rule(string pattern, Func<string, string>? write = null)
        => new(new Regex(@"\G(?:" + pattern + ")", RegexOptions.CultureInvariant), write ?? (text => text));

    // Soft hyphens only say where a line may be broken.
    private static string Plain(string text) => text.Replace("\u00AD", "", StringComparison.Ordinal);
}
