using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>Ids, decoded text and, where recorded, the fast tokenizer's ids of every text.</summary>
public sealed partial class TokenizerRunner : IGoldenRunner
{
    private static readonly string[] _boxTokens = ["<quad>", "</quad>", "<ref>", "</ref>", "<box>", "</box>"];

    public string Area => "text";

    public string Kind => "tokenizer";

    public void Run(GoldenCase golden)
    {
        string className = golden.Config.GetProperty("class").GetString()!;
        JsonElement vocabulary = golden.Meta.GetProperty("vocabulary");
        string? folder;
        if (vocabulary.TryGetProperty("sha256", out JsonElement sha))
        {
            folder = Vocabularies.Folder(sha.GetString()!, className);
            Skip.If(
                folder is null,
                $"needs {vocabulary.GetProperty("path").GetString()} of {vocabulary.GetProperty("package").GetString()} below the folder that "
                + $"{Vocabularies.Variable} names");
        }
        else
        {
            folder = golden.FileBeside(vocabulary.GetProperty("path").GetString()!);
        }

        bool isFast = className == "PreTrainedTokenizerFast";
        TokenizerOptions options = Options(golden.Config, className, folder!) with { Fast = isFast ? null : false };
        ITokenizer slow = WithRoles(golden.Config, folder!, ref options);
        bool onlyOne = isFast || className == "LlamaTokenizer";
        ITokenizer? fast = onlyOne ? null : Tokenizers.FromFolder(folder!, options with { Fast = true, SkipHashMerges = false });

        TextFailures failures = new();
        foreach (JsonElement item in golden.Meta.GetProperty("cases").EnumerateArray())
        {
            Compare(failures, golden.Config, item, slow, fast);
        }

        failures.Check();
    }

    /// <summary>Opens the tokenizer with the roles that the configuration names as special tokens, as the recording code passed them to the class.</summary>
    private static ITokenizer WithRoles(JsonElement config, string folder, ref TokenizerOptions options)
    {
        ITokenizer tokenizer = Tokenizers.FromFolder(folder, options);
        List<AddedToken> roles = new();
        foreach (string token in (string[])["<s>", "</s>", "<unk>"])
        {
            if (config.TryGetProperty("bos", out JsonElement begin)
                && tokenizer.IdOf("<s>") == begin.GetInt32()
                && tokenizer.IdOf(token) is { } id
                && !tokenizer.IsSpecial(id))
            {
                roles.Add(new(id, token));
            }
        }

        options = options with { AddedTokens = [.. options.AddedTokens, .. roles] };
        return roles.Count == 0 ? tokenizer : Tokenizers.FromFolder(folder, options);
    }

    private static void Compare(TextFailures failures, JsonElement config, JsonElement item, ITokenizer slow, ITokenizer? fast)
    {
        string text = item.GetProperty("text").GetString()!;
        string shown = JsonSerializer.Serialize(text.Length > 80 ? text[..80] : text);
        int[] ids = TextFailures.Ids(item.GetProperty("ids"));
        failures.SameIds($"ids of {shown}", ids, slow.Encode(text));
        int prefix = config.TryGetProperty("prefix", out JsonElement count) ? count.GetInt32() : 0;
        int suffix = slow.Encode("").Length - prefix;
        int[] plain = item.TryGetProperty("plain", out JsonElement recorded) ? TextFailures.Ids(recorded) : ids[prefix..^suffix];
        failures.SameIds($"plain ids of {shown}", plain, slow.Encode(text, addSpecialTokens: false));
        if (fast is not null && item.TryGetProperty("offsets", out _))
        {
            int[] expected = item.TryGetProperty("fast_plain", out JsonElement differing) ? TextFailures.Ids(differing) : plain;
            failures.SameIds($"fast ids of {shown}", expected, fast.Encode(text, addSpecialTokens: false));
        }

        failures.Equal($"decode of {shown}", item.GetProperty("decode").GetString(), slow.Decode(ids, skipSpecialTokens: false));
        failures.Equal($"decode without special tokens of {shown}", item.GetProperty("decode_skip").GetString(), slow.Decode(ids, skipSpecialTokens: true));
        if (item.TryGetProperty("decode_clean", out JsonElement clean))
        {
            failures.Equal($"clean decode of {shown}", clean.GetString(), DecodedText.CleanUp(slow.Decode(ids, skipSpecialTokens: true)));
        }
    }

    private static TokenizerOptions Options(JsonElement config, string className, string folder) => new()
    {
        Class = className == "PreTrainedTokenizerFast" ? null : className,
        Legacy = config.TryGetProperty("legacy", out JsonElement legacy) ? legacy.GetBoolean() : null,
        LowerCase = config.TryGetProperty("do_lower_case", out JsonElement lower) ? lower.GetBoolean() : null,
        RepairText = config.TryGetProperty("ftfy", out JsonElement ftfy) && ftfy.ValueKind != JsonValueKind.False,

        // The recorded Python class is that of transformers 4.37.
        SkipHashMerges = className == "Qwen2Tokenizer",
        AddedTokens = [.. Added(config, className, folder)],
    };

    private static IEnumerable<AddedToken> Added(JsonElement config, string className, string folder)
    {
        // FlashSloth adds its tokens on top of those that Phi-2 ships.
        JsonElement added = config.TryGetProperty("added", out JsonElement value) ? value : default;
        if (className == "CodeGenTokenizer")
        {
            foreach (AddedToken token in WhiteSpaceRuns("50257..50286 = runs of 31..2 spaces, 50287..50294 = runs of 9..2 tabs"))
            {
                yield return token;
            }
        }

        if (className == "Qwen2Tokenizer" && File.ReadAllText(Path.Combine(folder, "vocab.json")).Length > 1_000_000)
        {
            yield return new(151_643, "<|endoftext|>");
            yield return new(151_644, "<|im_start|>");
            yield return new(151_645, "<|im_end|>");
        }

        IEnumerable<AddedToken> tokens = added.ValueKind switch
        {
            JsonValueKind.Object
                => added.EnumerateObject().Select(token => new AddedToken(token.Value.GetInt32(), token.Name) { Special = token.Name != "<learnable>" }),
            JsonValueKind.String => Listed(added.GetString()!).Concat(WhiteSpaceRuns(added.GetString()!)),
            _ => [],
        };
        foreach (AddedToken token in tokens)
        {
            yield return token;
        }
    }

    private static IEnumerable<AddedToken> Listed(string text)
    {
        foreach (Match match in NamedToken().Matches(text))
        {
            yield return new(Number(match, 2), match.Groups[1].Value);
        }

        foreach (Match match in TokenRange().Matches(text))
        {
            int first = Array.IndexOf(_boxTokens, match.Groups[1].Value);
            for (int i = 0; i <= Number(match, 4) - Number(match, 3); i++)
            {
                yield return new(Number(match, 3) + i, _boxTokens[first + i]);
            }
        }
    }

    private static IEnumerable<AddedToken> WhiteSpaceRuns(string text)
    {
        foreach (Match match in Runs().Matches(text))
        {
            for (int i = 0; i <= Number(match, 2) - Number(match, 1); i++)
            {
                yield return new(Number(match, 1) + i, new(match.Groups[5].Value == "spaces" ? ' ' : '\t', Number(match, 3) - i))
                {
                    Special = false,
                    Normalized = true,
                };
            }
        }
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(<[^ >]+>) (\d+)(?!\.\.)")]
    private static partial Regex NamedToken();

    [GeneratedRegex(@"(<[^ >]+>) \.\. (<[^ >]+>) (\d+)\.\.(\d+)")]
    private static partial Regex TokenRange();

    [GeneratedRegex(@"(\d+)\.\.(\d+) = runs of (\d+)\.\.(\d+) (spaces|tabs)")]
    private static partial Regex Runs();
}
