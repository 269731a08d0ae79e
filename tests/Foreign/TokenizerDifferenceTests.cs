using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Aperture.Text;

namespace Aperture.Foreign.Tests;

/// <summary>
/// The tokenizers of <c>tokenizer.json</c> beside Hugging Face's own library (packages Tokenizers.DotNet, MIT, and its native part): the same ids for texts of
/// every kind over the small vocabularies of the repository.
/// </summary>
public sealed class TokenizerDifferenceTests
{
    private const int All = 100_000;

    private static readonly string[] _words =
    [
        "a", "the", "boot", "Shelf", "RED", "don't", "I'll", "3.14", "1000000", "naïve", "Ångström", "e\u0301", "日本語", "한국어", "привет",
        "שלום", "नमस्ते",
        "😀", "👩‍👩‍👧", "𝐀𝐁", "ﬁ", "Ⅳ", "½", "\u00A0", "\u2028", "\u200B", "\uFEFF", "\u0000", "\u0007", "\t", "\n", "\r\n", "   ", " ",
        "▁", "Ġ", "##ing", "@@", "</w>",
        "_", "-", "--", "...", "!?", "(", ")", "[", "]", "{", "}", "<", ">", "&amp;", "\\", "\"", "'", "`", "$", "%", "İ", "ß", "ΣΑΣ", "ǅ", "٣", "໒",
    ];

    private static readonly string[] _vocabularies = ["bert", "gpt2", "llama3", "qwen2", "roberta", "tiny-llava"];

    public static TheoryData<string> Vocabularies => [.. _vocabularies];

    [SkippableTheory]
    [MemberData(nameof(Vocabularies))]
    public void A_hundred_thousand_texts_give_the_same_ids(string name)
    {
        string file = name == "tiny-llava"
            ? Path.Combine(Repository.Path(), "scripts", "models", name, "tokenizer.json")
            : Path.Combine(Repository.Path(), "tests", "Golden", "data", "text", "tiny", name, "tokenizer.json");
        string alone = Directory.CreateTempSubdirectory("aperture-tokenizer-").FullName;
        try
        {
            File.Copy(file, Path.Combine(alone, "tokenizer.json"));
            Compare(Tokenizers.FromFolder(alone), new ForeignTokenizer(file), name);
        }
        finally
        {
            Directory.Delete(alone, recursive: true);
        }
    }

    private static void Compare(ITokenizer ours, ForeignTokenizer theirs, string name)
    {
        Random random = new(name.Length);
        string[] special = [.. Enumerable.Range(0, ours.VocabularySize).Where(ours.IsSpecial).Select(id => ours.TokenOf(id)!)];
        List<string> differing = [];
        int count = All / _vocabularies.Length;
        for (int i = 0; i < count && differing.Count < 5; i++)
        {
            string text = Text(random, special);
            int[] own = ours.Encode(text), other = theirs.Encode(text);
            if (!own.SequenceEqual(other))
            {
                differing.Add($"'{Escaped(text)}': [{string.Join(' ', own)}] but [{string.Join(' ', other)}]");
            }
        }

        Assert.True(differing.Count == 0, string.Join('\n', differing));
    }

    private static string Text(Random random, string[] special)
    {
        StringBuilder text = new();
        for (int part = random.Next(8); part >= 0; part--)
        {
            switch (random.Next(12))
            {
                case 0 when special.Length > 0:
                    text.Append(special[random.Next(special.Length)]);
                    break;
                case 1:
                    text.Append(new Rune(Scalar(random)));
                    break;
                case 2:
                    text.Append(random.Next().ToString(CultureInfo.InvariantCulture));
                    break;
                default:
                    text.Append(_words[random.Next(_words.Length)]);
                    break;
            }

            text.Append(random.Next(3) == 0 ? "" : " ");
        }

        return text.ToString();
    }

    // Letters of every script more often than the empty planes. What Unicode assigned lately is not asked about: libraries know other versions of it.
    private static int Scalar(Random random)
    {
        while (true)
        {
            int value = random.Next(4) == 0 ? random.Next(0x20000) : random.Next(0x3000);
            if (Rune.IsValid(value) && CharUnicodeInfo.GetUnicodeCategory(value) is not (UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse))
            {
                return value;
            }
        }
    }

    private static string Escaped(string text)
        => string.Concat(text.EnumerateRunes().Select(rune => rune.Value is >= 32 and < 127 ? rune.ToString() : $"\\u{{{rune.Value:X}}}"));
}

/// <summary>Hugging Face's tokenizers through the package, which is loaded when it is asked for.</summary>
internal sealed class ForeignTokenizer
{
    private static readonly (string, string) _managed = ("Tokenizers.DotNet", "1.4.1"), _native = ("Tokenizers.DotNet.runtime.linux-x64", "1.4.1");
    private static readonly Lock _gate = new();
    private static Assembly? _assembly;

    private readonly object _tokenizer;
    private readonly MethodInfo _encode;

    public ForeignTokenizer(string file)
    {
        Type type = Package().GetType("Tokenizers.DotNet.Tokenizer", throwOnError: true)!;
        _tokenizer = Activator.CreateInstance(type, file)!;
        _encode = type.GetMethod("Encode", [typeof(string)])!;
    }

    public int[] Encode(string text) => [.. ((IEnumerable<uint>)_encode.Invoke(_tokenizer, [text])!).Select(id => (int)id)];

    private static Assembly Package()
    {
        lock (_gate)
        {
            if (_assembly is null)
            {
                string native = ForeignPackages.File(_native, _native.Item1, Path.Combine("runtimes", "linux-x64", "native", "libhf_tokenizers.so"));
                _assembly = Assembly.LoadFrom(ForeignPackages.File(_managed, _managed.Item1, Path.Combine("lib", "net6.0", "Tokenizers.DotNet.dll")));
                NativeLibrary.SetDllImportResolver(
                    _assembly, (name, _, _) => name.Contains("hf_tokenizers", StringComparison.Ordinal) ? NativeLibrary.Load(native) : nint.Zero);
            }

            return _assembly;
        }
    }
}
