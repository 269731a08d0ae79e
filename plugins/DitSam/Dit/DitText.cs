using Aperture.Text;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Sentences as a DIT's text encoder takes them: trimmed, cut, between two marks, padded.</summary>
internal sealed class DitText
{
    /// <summary>Rows of a sentence in the published nets.</summary>
    public const int DefaultRows = 20;

    private const int PadId = 0; // whatever the vocabulary says, as in the published code

    private readonly ITokenizer _tokenizer;

    /// <summary>Opens the vocabulary.</summary>
    /// <param name="folder">Folder with <c>vocab.txt</c> or <c>tokenizer.json</c>.</param>
    /// <param name="config">The model's sizes.</param>
    /// <param name="rows">Rows asked for; null for the variant's.</param>
    /// <exception cref="ApertureException">
    /// There is no tokenizer, or one that does not belong to the checkpoint, or the number of rows does not fit.
    /// </exception>
    public DitText(string folder, DitConfig config, int? rows)
    {
        Rows = RowsOf(config, rows);
        _tokenizer = Tokenizers.FromFolder(folder, File.Exists(Path.Combine(folder, "vocab.txt")) ? new() { Class = "BertTokenizer", Fast = false } : null);
        if (_tokenizer.VocabularySize > config.Text.Vocabulary)
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: the tokenizer has {_tokenizer.VocabularySize} tokens, but the checkpoint's text encoder knows "
                + $"{config.Text.Vocabulary}; name the folder of the one it was trained with as Tokenizer.");
        }
    }

    /// <summary>Rows of a sentence.</summary>
    public int Rows { get; }

    /// <summary>Rows of a sentence under a configuration.</summary>
    /// <param name="config">The model's sizes.</param>
    /// <param name="rows">Rows asked for; null for the variant's.</param>
    /// <exception cref="ApertureException">They do not fit the variant or the text encoder.</exception>
    public static int RowsOf(DitConfig config, int? rows)
    {
        int own = config.TokenRows > 0 ? config.TokenRows : Math.Min(DefaultRows, config.Text.LongestText), used = rows ?? own;
        if (config.TokenRows > 0 && used != config.TokenRows)
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: MaxTokens is {used}, but this checkpoint has learned rows for {config.TokenRows}; leave MaxTokens out.");
        }

        return used <= config.Text.LongestText
            ? used
            : throw new ApertureException(
                $"{DitFactory.SegmenterName}: MaxTokens is {used}, but the text encoder has {config.Text.LongestText} positions; give at most that.");
    }

    /// <summary>A sentence as ids; what does not fit is cut off, as in the published code.</summary>
    /// <param name="sentence">The sentence.</param>
    public EncoderText Encode(string sentence) => EncoderText.Encode(_tokenizer, sentence.Trim(), Rows, PadId);
}
