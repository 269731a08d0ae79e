using Aperture.Vision;

namespace Aperture.Tasks;

/// <summary>A model that makes the face that a sentence describes, seen from anywhere, and changes it as another sentence says.</summary>
public interface IFaceGenerator : ITaskModel
{
    /// <summary>Makes one face and shows it from the points asked for.</summary>
    /// <param name="request">The face.</param>
    /// <param name="run">When to stop, and who listens; progress counts pictures.</param>
    /// <returns>View by view its pictures, in the order of <see cref="FaceRequest.Views"/>.</returns>
    /// <exception cref="ApertureException">A sentence or number is not one that the model takes; the message says which it does.</exception>
    IReadOnlyList<FaceView> Generate(FaceRequest request, TaskRun run);
}

/// <summary>A face to make. What is null is the model's default.</summary>
public sealed record FaceRequest
{
    /// <summary>The sentence that describes it.</summary>
    public required string Text { get; init; }

    /// <summary>Seed of all that is drawn.</summary>
    public long? Seed { get; init; }

    /// <summary>Where it is seen from, at least one point.</summary>
    public IReadOnlyList<ViewPoint> Views { get; init; } = [ViewPoint.Front];

    /// <summary>The sentence that the face is to be changed to; null leaves it.</summary>
    public string? EditText { get; init; }

    /// <summary>
    /// Weight of the original sentence in the edit: 1 changes nothing, 0 lets the edit's sentence rule alone. Only beside <see cref="EditText"/>.
    /// </summary>
    public double? EditAlpha { get; init; }

    /// <summary>How far the face may lie from the mean one: 0 is the mean face, 1 does not hold back (truncation).</summary>
    public double? Truncation { get; init; }
}

/// <summary>Where a face is seen from, in radians from straight ahead.</summary>
/// <param name="Yaw">Around the upright axis; above 0 the camera moves to its right.</param>
/// <param name="Pitch">Up or down; above 0 the camera looks from above.</param>
/// <param name="Roll">Around the line of sight.</param>
public readonly record struct ViewPoint(double Yaw, double Pitch, double Roll = 0)
{
    /// <summary>Straight ahead.</summary>
    public static ViewPoint Front => default;
}

/// <summary>A face seen from one point.</summary>
/// <param name="View">The point.</param>
/// <param name="Picture">The face as its sentence describes it.</param>
/// <param name="Edited">The face after the edit; null where there was none.</param>
public sealed record FaceView(ViewPoint View, Picture Picture, Picture? Edited = null);
