namespace Aperture.Text;

/// <summary>
/// The ends of a text as LlamaTokenizerFast puts them: it builds its post-processor anew from <c>add_bos_token</c> and <c>add_eos_token</c>, whatever
/// <c>tokenizer.json</c> has. A class that says nothing of its own leaves it to the file.
/// </summary>
internal static class LlamaEnds
{
    private static readonly string[] _classes = ["LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"];

    /// <summary>Whether a tokenizer's class builds them anew.</summary>
    public static bool Rebuilds(TokenizerConfiguration configuration, TokenizerOptions options)
    {
        string? name = options.Class ?? configuration.Class;
        return name is null
            ? (configuration.AddBegin ?? configuration.AddEnd) is not null
            : Array.Exists(_classes, own => name == own || name == own + "Fast");
    }

    /// <summary>The ends.</summary>
    /// <exception cref="ApertureException">A token that is to stand there is not in the vocabulary.</exception>
    public static (List<int> Prefix, List<int> Suffix) Of(
        TokenizerConfiguration configuration, TokenizerOptions options, SpecialTokenSet special, TokenTable table, string path)
    {
        bool begins = options.AddBegin ?? configuration.AddBegin ?? true, ends = options.AddEnd ?? configuration.AddEnd ?? false;
        return (begins ? [Id("bos_token", "<s>")] : [], ends ? [Id("eos_token", "</s>")] : []);

        int Id(string role, string fallback)
        {
            string token = special.Roles.GetValueOrDefault(role) ?? fallback;
            return special.Tokens.FirstOrDefault(added => added.Content == token)?.Id ?? table.IdOf(token)
                ?? throw new ApertureException(
                    $"{path}: {(role == "bos_token" ? "add_bos_token" : "add_eos_token")} asks for '{token}' ({role}), which is not in the vocabulary; mend "
                    + "tokenizer_config.json.");
        }
    }
}
