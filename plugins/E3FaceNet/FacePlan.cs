using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Text;
using Aperture.Tasks;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>The numbers of one request, checked.</summary>
/// <param name="Text">The sentence; null in a generator without text.</param>
/// <param name="EditText">The sentence of the edit; null for none.</param>
/// <param name="EditAlpha">Weight of the original sentence in the edit.</param>
/// <param name="Truncation">How far the face may lie from the mean one.</param>
/// <param name="Seed">Seed.</param>
/// <param name="Views">View points.</param>
internal sealed record FacePlan(string? Text, string? EditText, double EditAlpha, double Truncation, long Seed, IReadOnlyList<ViewPoint> Views)
{
    private const double DefaultAlpha = 0.5, DefaultTruncation = 0.7, LargestTruncation = 1.5, LargestPitch = 1.4;
    private const double TrainedYaw = 0.3, TrainedPitch = 0.155; // deviations of the cameras that the published generator was trained with
    private const int FarDeviations = 3;
    private const long DefaultSeed = 42;

    /// <summary>The cameras.</summary>
    public IReadOnlyList<CameraPose> Poses => [.. Views.Select(CameraRange.Of)];

    /// <summary>What is worth saying though it is no error: view points far outside those of the training; null for nothing.</summary>
    public string? Notice
    {
        get
        {
            ViewPoint[] far = [.. Views.Where(view => Math.Abs(view.Yaw) > FarDeviations * TrainedYaw || Math.Abs(view.Pitch) > FarDeviations * TrainedPitch)];
            return far.Length == 0
                ? null
                : FormattableString.Invariant(
                    $"{far.Length} of {Views.Count} view points lie beyond what faces were trained at (yaw {far[0].Yaw:0.##}, pitch {far[0].Pitch:0.##})");
        }
    }

    /// <summary>Checks a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="text">The text encoder; null in a generator without text.</param>
    /// <param name="options">Options.</param>
    /// <exception cref="ApertureException">Something in it is out of range; the message says what and how to mend it.</exception>
    public static FacePlan Of(FaceRequest request, FaceText? text, FaceOptions options)
    {
        double truncation = request.Truncation ?? DefaultTruncation, alpha = request.EditAlpha ?? DefaultAlpha;
        long seed = request.Seed ?? DefaultSeed;
        Require(truncation is >= 0 and <= LargestTruncation, $"Truncation is {truncation}; give 0 (the mean face) to {LargestTruncation}.");
        Require(seed is >= 0 and <= uint.MaxValue, $"Seed is {seed}; give 0 to {uint.MaxValue}.");
        Require(request.Views.Count > 0, "Views is empty; give at least one view point.");
        foreach (ViewPoint view in request.Views)
        {
            CheckView(view);
        }

        CheckEdit(request, alpha, text, options);
        text?.Check(request.Text, nameof(FaceRequest.Text));
        return new FacePlan(text is null ? null : request.Text, request.EditText, alpha, truncation, seed, [.. request.Views]);
    }

    private static void CheckView(ViewPoint view)
    {
        void Angle(double angle, string name, double largest)
            => Require(Math.Abs(angle) <= largest, $"{name} is {angle}; give radians from {-largest:0.####} to {largest:0.####}.");
        Angle(view.Yaw, nameof(ViewPoint.Yaw), Math.PI);
        Angle(view.Pitch, nameof(ViewPoint.Pitch), LargestPitch); // straight above or below, no side of the picture is up
        Angle(view.Roll, nameof(ViewPoint.Roll), Math.PI);
    }

    private static void CheckEdit(FaceRequest request, double alpha, FaceText? text, FaceOptions options)
    {
        if (request.EditText is null)
        {
            Require(request.EditAlpha is null, $"EditAlpha is {request.EditAlpha} but there is no EditText; give the sentence to change the face to.");
            return;
        }

        Require(text is not null, "this generator has no text part, so that EditText changes nothing; leave it out.");
        Require(options.EnhancerStrength > 0, "EnhancerStrength is 0, which leaves sentences out, so that EditText changes nothing; raise it.");
        Require(
            options.Render == FaceOptions.Picture,
            $"Render is {options.Render}, which an edit does not change; set Render to {FaceOptions.Picture}, or leave EditText out.");
        Require(
            options.Extrapolate ? double.IsFinite(alpha) : alpha is >= 0 and <= 1,
            $"EditAlpha is {alpha}; give 0 (the edit's sentence alone) to 1 (the original's), or set Extrapolate for more.");
        text!.Check(request.EditText, nameof(FaceRequest.EditText));
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ApertureException($"{FaceFactory.GeneratorName}: {message}");
        }
    }
}
