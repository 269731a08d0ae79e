using Aperture.Tasks;
using Aperture.Text;

namespace Aperture.Plugins.Llava;

/// <summary>The marks around pictures that the oldest checkpoints were trained with (<c>mm_use_im_start_end</c>).</summary>
internal static class LlavaMarks
{
    /// <summary>What stands before a picture.</summary>
    public const string Start = "<im_start>";

    /// <summary>What stands behind a picture.</summary>
    public const string End = "<im_end>";

    private const string Patch = "<im_patch>";

    /// <summary>
    /// Opens a checkpoint's tokenizer. Marks that it lacks get the next ids, in the order in which the authors' code adds them: the tables have rows for them.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">The configuration.</param>
    public static ITokenizer Open(string folder, LlavaConfig config)
    {
        ITokenizer tokenizer = Tokenizers.FromFolder(folder);
        string[] marks = config.MarksImages ? [.. config.HasPatchToken ? [Patch] : Array.Empty<string>(), Start, End] : [];
        string[] missing = [.. marks.Where(mark => tokenizer.IdOf(mark) is null)];
        return missing.Length == 0 ? tokenizer
            : Tokenizers.FromFolder(
                folder, new TokenizerOptions { AddedTokens = [.. missing.Select((mark, i) => new AddedToken(tokenizer.VocabularySize + i, mark))] });
    }
}
