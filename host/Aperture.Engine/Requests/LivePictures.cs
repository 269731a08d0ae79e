using Aperture.Decoding;
using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Requests;

/// <summary>
/// The visual tokens of a live conversation's pictures, as they entered the decoder: a picture is looked at in the turn that shows it and never again. Owns
/// them.
/// </summary>
internal sealed class LivePictures : IDisposable
{
    private readonly List<(Image Image, VisualTokens Tokens)> _pictures = [];

    /// <summary>The tokens of each picture; borrowed.</summary>
    public IReadOnlyList<VisualTokens> Tokens => [.. _pictures.Select(picture => picture.Tokens)];

    /// <summary>How many of a conversation's pictures, from its first on, are there.</summary>
    public int Common(IReadOnlyList<Image> images)
    {
        int common = 0;
        while (common < Math.Min(images.Count, _pictures.Count) && ReferenceEquals(images[common], _pictures[common].Image))
        {
            common++;
        }

        return common;
    }

    /// <summary>Looks at the pictures of a conversation that are not there yet; what the conversation does not show any more goes.</summary>
    /// <param name="path">The way through the model.</param>
    /// <param name="request">The conversation's request.</param>
    /// <param name="images">All its pictures.</param>
    /// <returns>What it cost.</returns>
    public PictureCost See(RequestPath path, RequestContext request, IReadOnlyList<Image> images)
    {
        int first = Common(images), projected = 0;
        _pictures.Skip(first).ToList().ForEach(picture => picture.Tokens.Dispose());
        _pictures.RemoveRange(first, _pictures.Count - first);
        Image[] missing = [.. images.Skip(first)];
        if (missing.Length == 0)
        {
            return default;
        }

        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        using Seen seen = path.See(request, missing, first: first);
        double vision = path.Elapsed(ref started);
        IReadOnlyList<VisualTokens> tokens = path.Project(request, 0, seen.Features, ref projected, first);
        foreach (VisualTokens own in tokens)
        {
            own.Rows.DetachFromDisposeScope(); // a conversation outlives the scope that a turn is asked in
        }

        _pictures.AddRange(missing.Zip(tokens));
        return new PictureCost(vision, path.Elapsed(ref started), seen.Features.Sum(own => own.Macs), projected);
    }

    /// <summary>Disposes the tokens.</summary>
    public void Dispose()
    {
        _pictures.ForEach(picture => picture.Tokens.Dispose());
        _pictures.Clear();
    }
}

/// <summary>What looking at pictures cost.</summary>
/// <param name="Vision">Milliseconds of the encoder.</param>
/// <param name="Projector">Milliseconds from features to tokens.</param>
/// <param name="VisionMacs">Multiply-accumulates of the encoder.</param>
/// <param name="ProjectedRows">Rows through the projector.</param>
internal readonly record struct PictureCost(double Vision, double Projector, long VisionMacs, int ProjectedRows)
{
    public static PictureCost operator +(PictureCost a, PictureCost b)
        => new(a.Vision + b.Vision, a.Projector + b.Projector, a.VisionMacs + b.VisionMacs, a.ProjectedRows + b.ProjectedRows);
}
