using Aperture.Diffusion;
using Aperture.Tasks;
using Aperture.Vision;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>The numbers of one edit, checked.</summary>
/// <param name="Prompt">The sentence that the edited picture is to fit.</param>
/// <param name="Steps">Steps of the whole schedule.</param>
/// <param name="First">The step that the noised picture begins with.</param>
/// <param name="Guidance">Weight of the sentence.</param>
/// <param name="Seed">Seed of all noise.</param>
/// <param name="Width">Width in pixels that is worked on.</param>
/// <param name="Height">Height in pixels that is worked on.</param>
internal sealed record EditPlan(string Prompt, int Steps, int First, double Guidance, long Seed, int Width, int Height)
{
    private const int DefaultSteps = 50, LeastSteps = 4, MostSteps = 1000, SmallestSide = 64, WidestAspect = 4;
    private const double DefaultStrength = 0.5, DefaultGuidance = 7.5;
    private const long DefaultSeed = 4623523532252;

    /// <summary>Checks a request.</summary>
    /// <exception cref="ApertureException">Something in it is out of range; the message says what and how to mend it.</exception>
    public static EditPlan Of(EditRequest request, Picture picture, DiffusionModel model, EditorOptions options)
    {
        int steps = request.Steps ?? DefaultSteps;
        double strength = request.Strength ?? DefaultStrength, guidance = request.Guidance ?? DefaultGuidance;
        long seed = request.Seed ?? DefaultSeed;
        Require(steps is >= LeastSteps and <= MostSteps, $"Steps is {steps}; give {LeastSteps} to {MostSteps}.");
        Require(strength is > 0 and <= 1, $"Strength is {strength}; give a number above 0, at most 1.");
        int run = (int)(steps * strength); // truncated in binary floating point, as Python does: 50 * 0.58 is 28
        Require(run >= 1, $"Strength {strength} of {steps} steps is less than one step; give more of either.");
        Require(guidance >= 1 && double.IsFinite(guidance), $"Guidance is {guidance}; give 1 (no guidance) or more.");
        Require(seed >= 0, $"Seed is {seed}; give 0 to {long.MaxValue}.");
        CheckSentences(request, model, options);
        Require(
            Math.Min(picture.Width, picture.Height) >= SmallestSide,
            $"A picture of {picture.Width}x{picture.Height} pixels is too small to edit; its sides must have {SmallestSide} or more.");
        (int width, int height) = Size(picture, model, options);
        return new EditPlan(request.Target, steps, steps - run, guidance, seed, width, height);
    }

    private static void CheckSentences(EditRequest request, DiffusionModel model, EditorOptions options)
    {
        Require(!string.IsNullOrWhiteSpace(request.Target), "Target has no words; write the sentence that the edited picture is to fit.");
        Require(
            options.Method != EditorOptions.DiffEdit || !string.IsNullOrWhiteSpace(request.Source),
            "Method diffedit needs Source, a sentence that fits the picture as it is.");
        Require(
            request.Source is null || !string.Equals(request.Source.Trim(), request.Target.Trim(), StringComparison.OrdinalIgnoreCase),
            $"Source and Target are the same sentence, '{request.Target}'; nothing would change.");
        foreach (string sentence in (string[])[request.Target, request.Source ?? ""])
        {
            int tokens = model.Tokenizer.Encode(sentence, addSpecialTokens: false).Length, most = model.Text.Config.Positions - 2;
            Require(
                tokens <= most, $"A sentence of {tokens} tokens is too long, the text encoder takes {most}: '{sentence[..Math.Min(sentence.Length, 60)]}…'");
        }

        Require(
            model.Tokenizer.Encode(request.Target, addSpecialTokens: false).Length > 0,
            $"Target '{request.Target}' has no words that the tokenizer knows; write the sentence that the edited picture is to fit.");
    }

    // The model's square, or its short side and as many of the coarsest map's pixels as the aspect asks for.
    private static (int Width, int Height) Size(Picture picture, DiffusionModel model, EditorOptions options)
    {
        int side = options.Size ?? model.PictureSize, stride = model.UNet.Config.Stride * model.Pictures.Config.Stride;
        Require(side % stride == 0, $"Size {side} is not a multiple of {stride}, the pixels that one of the coarsest map stands for.");
        if (!options.KeepAspect)
        {
            return (side, side);
        }

        double aspect = (double)Math.Max(picture.Width, picture.Height) / Math.Min(picture.Width, picture.Height);
        Require(
            aspect <= WidestAspect,
            $"A picture of {picture.Width}x{picture.Height} pixels is more than {WidestAspect} times as long as wide; crop it, or leave KeepAspect out.");
        int other = Math.Max(1, (int)Math.Round(side * aspect / stride)) * stride;
        return picture.Width >= picture.Height ? (other, side) : (side, other);
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ApertureException($"{EditorFactory.EditorName}: {message}");
        }
    }
}
