using Aperture.Engine;
using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Requests;

/// <summary>
/// Pictures as a pipeline's vision encoder saw them, once, for many questions. What one pipeline saw serves every pipeline on the same model, unless a method
/// acts inside the encoder. Owns the features; disposing it under a question that uses them frees them when that ends.
/// </summary>
public sealed class Seen : IDisposable
{
    private readonly LeaseCount _leases;
    private readonly WeakReference<VisionTrunkHooks>? _hooks; // weak: hooks are a plugin's, which must not stay in memory for this

    internal Seen(Model model, IReadOnlyList<Image> images, IReadOnlyList<VisionFeatures> features, VisionTrunkHooks? hooks, double milliseconds)
    {
        Model = model;
        Images = images;
        Features = features;
        Milliseconds = milliseconds;
        _hooks = hooks is null ? null : new WeakReference<VisionTrunkHooks>(hooks);
        _leases = new LeaseCount(() =>
        {
            foreach (VisionFeatures own in features)
            {
                own.Dispose();
            }
        });
    }

    /// <summary>The pictures.</summary>
    public IReadOnlyList<Image> Images { get; }

    /// <summary>What of each picture became visual rows, and where they lie in it.</summary>
    public IReadOnlyList<IReadOnlyList<VisualSegment>> Segments => [.. Features.Select(features => features.Segments)];

    /// <summary>Wall time of preprocessing and encoding.</summary>
    public double Milliseconds { get; }

    internal Model Model { get; }

    internal IReadOnlyList<VisionFeatures> Features { get; }

    /// <summary>Frees the features.</summary>
    public void Dispose() => _leases.Release();

    /// <summary>Takes the features for a question.</summary>
    /// <param name="model">The model that is asked.</param>
    /// <param name="hooks">What acts inside its encoder.</param>
    /// <exception cref="ApertureException">They are freed, another model's, or were seen through other methods.</exception>
    internal void Take(Model model, VisionTrunkHooks? hooks)
    {
        if (!ReferenceEquals(model, Model))
        {
            throw new ApertureException($"These pictures were seen by {Model.Name}, and {model.Name} sees otherwise; let its own pipeline see them.");
        }

        VisionTrunkHooks? then = _hooks is not null && _hooks.TryGetTarget(out VisionTrunkHooks? alive) ? alive : null;
        if (!ReferenceEquals(then, hooks) || (_hooks is not null && then is null))
        {
            throw new ApertureException(
                $"These pictures were seen by {model.Name} with other methods inside the vision encoder than the pipeline has; let this pipeline see them.");
        }

        if (!_leases.TryTake())
        {
            throw new ApertureException("These pictures are disposed, so no question can be asked about them; let the pipeline see them again.");
        }
    }

    /// <summary>The question is over.</summary>
    internal void Return() => _leases.Return();
}
