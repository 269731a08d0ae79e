using Aperture.Generation;
using Aperture.Text;

namespace Aperture.Models;

/// <summary>Checks that tokens have rows in the embedding table: a tokenizer that was added to without it has tokens without.</summary>
internal static class TokenRows
{
    /// <summary>Tells of a tokenizer's tokens without a row.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="rows">Rows of the table.</param>
    /// <param name="tell">Gets the line.</param>
    /// <param name="where">The checkpoint's folder.</param>
    public static void Tell(ITokenizer tokenizer, int rows, Action<string> tell, string where)
    {
        int[] beyond = [.. Enumerable.Range(rows, Math.Max(tokenizer.VocabularySize - rows, 0)).Where(id => tokenizer.TokenOf(id) is not null)];
        if (beyond.Length > 0)
        {
            string others = beyond.Length > 1 ? $", and {beyond.Length - 1} more tokens," : "";
            tell(
                $"'{where}': the token '{tokenizer.TokenOf(beyond[0])}' with id {beyond[0]}{others} lies beyond the {rows} rows of the embedding table; a "
                + "prompt with it is refused.");
        }
    }

    /// <summary>Tells of an answer's ends where none of them has a row, so that no answer ends by itself.</summary>
    /// <param name="generation">The checkpoint's settings.</param>
    /// <param name="rows">Rows of the output matrix.</param>
    /// <param name="tell">Gets the line.</param>
    public static void TellEnds(GenerationOptions generation, int rows, Action<string> tell)
    {
        if (generation.EndOfSequence.Count > 0 && generation.EndOfSequence.All(id => id >= rows))
        {
            tell(
                $"{generation.Source}: eos_token_id {generation.EndOfSequence[0]} lies beyond the {rows} rows of the output matrix, so no answer ends by "
                + "itself; --max-new-tokens limits answers.");
        }
    }

    /// <summary>Refuses a prompt with a token that has no row.</summary>
    /// <param name="ids">The prompt's ids.</param>
    /// <param name="model">The model, whose placeholder for a picture needs none.</param>
    /// <exception cref="ApertureException">A token has none.</exception>
    public static void Require(IReadOnlyList<int> ids, Model model)
    {
        int rows = model.Decoder.Info.VocabularySize, placeholder = model.Packer.ImageToken;
        foreach (int id in ids)
        {
            if (id >= rows && id != placeholder)
            {
                throw new ApertureException(
                    $"The prompt holds the token '{model.Tokenizer?.TokenOf(id)}' with id {id}, but the embedding table of {model.Name} has {rows} rows: the "
                    + "tokenizer was added to and the table was not; use the tokenizer that belongs to the weights.");
            }
        }
    }
}
