using Aperture.Engine;
using Aperture.Text;

namespace Aperture.Training;

/// <summary>A question with its answer as LaVIN's training code tokenises it: in one piece, so that the answer's first token may depend on the question's last letters.</summary>
internal static class LavinPrompt
{
    /// <summary>Tokenises a sample: prefix, place of the picture, question, answer, end. Labels are the tokens behind as many as the question alone has.</summary>
    /// <param name="model">The model.</param>
    /// <param name="example">One question and one answer.</param>
    /// <exception cref="ApertureException">The conversation has more turns, or there is no tokenizer.</exception>
    public static LabelledPrompt Create(LavinModel model, TrainingExample example)
    {
        if (example.Messages.Count != 2)
        {
            throw new ApertureException($"Sample '{example.Id}' has {example.Messages.Count} messages; LaVIN is trained on one question and one answer each.");
        }

        ITokenizer tokenizer = model.RequireTokenizer();
        int end = tokenizer.EndId ?? throw new ApertureException($"The tokenizer of '{model.Folder}' has no end-of-sequence token; LaVIN needs LLaMA's tokenizer.model.");
        string question = model.Written(example.Messages[0].Value);
        int asked = tokenizer.Encode(question, addSpecialTokens: false).Length;
        int[] whole = [.. tokenizer.Encode(question + example.Messages[1].Value, addSpecialTokens: false), end];
        (int[] with, int[] without) = model.Prefixes();
        int[] prefix = example.Image is null ? without : [.. with, LavinModel.ImageToken];
        return new LabelledPrompt([.. prefix, .. whole], [.. Enumerable.Repeat(TrainingLabels.Ignored, prefix.Length + asked), .. whole.Skip(asked)]);
    }
}
