using System.Globalization;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>The tokenizers that cases without a vocabulary entry were recorded with; null where the vocabulary is not at hand.</summary>
internal static class PublishedTokenizers
{
    private static readonly string[] _internVlTokens = ["<img>", "</img>", "<IMG_CONTEXT>", "<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>"];

    public static ITokenizer? Llama2(GoldenCase golden, bool legacy)
        => Vocabularies.Open(golden, "llama2", Vocabularies.Llama2, new() { Class = "LlamaTokenizer", Legacy = legacy });

    public static ITokenizer? FlashSloth(GoldenCase golden)
    {
        IEnumerable<AddedToken> runs = Enumerable.Range(0, 30).Select(i => new AddedToken(50257 + i, new(' ', 31 - i)) { Special = false })
            .Concat(Enumerable.Range(0, 8).Select(i => new AddedToken(50287 + i, new('\t', 9 - i)) { Special = false }));
        return Vocabularies.Open(golden, "gpt2", Vocabularies.Gpt2, new()
        {
            Class = "CodeGenTokenizer",
            Fast = false,
            AddedTokens = [.. runs, new(50295, "<learnable>") { Special = false }, new(50296, "</s>")],
        });
    }

    public static ITokenizer? InternVl(GoldenCase golden)
    {
        IEnumerable<AddedToken> added = ((string[])["<|endoftext|>", "<|im_start|>", "<|im_end|>", .. _internVlTokens])
            .Select((token, i) => new AddedToken(151643 + i, token));
        return Vocabularies.Open(
            golden, "qwen2", Vocabularies.Qwen2, new() { Class = "Qwen2Tokenizer", Fast = false, SkipHashMerges = true, AddedTokens = [.. added] });
    }

    /// <summary>What a skipped case says.</summary>
    public static string Needed(string package)
        => string.Create(CultureInfo.InvariantCulture, $"needs the vocabulary of {package} below the folder that {Vocabularies.Variable} names");
}
