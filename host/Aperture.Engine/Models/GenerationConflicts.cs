using Aperture.Generation;

namespace Aperture.Models;

/// <summary>Settings of a checkpoint that cannot be honoured together: what the caller asked for stays; what the file says beside it goes, told.</summary>
internal static class GenerationConflicts
{
    /// <summary>Settings that work together.</summary>
    /// <param name="options">What is to be used.</param>
    /// <param name="file">What the checkpoint says.</param>
    /// <param name="tell">Told what is left out.</param>
    public static GenerationOptions Resolve(GenerationOptions options, GenerationOptions file, Action<string> tell)
    {
        string where = file.Source ?? "the checkpoint's settings";
        if (options.Beams > 1 && options.Temperature > 0 && (options.Temperature == file.Temperature || options.Beams == file.Beams))
        {
            bool drops = options.Temperature == file.Temperature;
            tell(
                $"{where}: num_beams {options.Beams} with do_sample (temperature {options.Temperature}): beam search does not sample; "
                + (drops ? "it is done without drawing" : "tokens are drawn without beams") + "; --beams 1 or --temperature 0 chooses.");
            options = drops ? options with { Temperature = 0 } : options with { Beams = 1 };
        }

        if (options.ReturnedSequences > options.Beams && options.ReturnedSequences == file.ReturnedSequences)
        {
            tell($"{where}: num_return_sequences {options.ReturnedSequences} with num_beams {options.Beams}: an answer is one sequence; the first is given.");
            options = options with { ReturnedSequences = 1 };
        }

        return options.MinNewTokens > options.MaxNewTokens && options.MinNewTokens == file.MinNewTokens
            ? options with { MinNewTokens = options.MaxNewTokens }
            : options;
    }
}
