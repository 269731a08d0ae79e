using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Views of checkpoints and ways to load from them. Views borrow: dispose the source, not the view.</summary>
public static class WeightSourceExtensions
{
    /// <summary>The tensors whose names begin with a prefix, named without it: <c>Under("llm.")</c>.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    /// <param name="prefix">The beginning of the names, with its dot.</param>
    public static IWeightSource Under(this IWeightSource source, string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        return source.Rename(name => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : null);
    }

    /// <summary>All tensors, with a prefix before their names.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    /// <param name="prefix">The beginning of the new names, with its dot.</param>
    public static IWeightSource WithPrefix(this IWeightSource source, string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        return source.Rename(name => prefix + name);
    }

    /// <summary>The tensors whose names satisfy a condition.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    /// <param name="keep">Whether a name stays.</param>
    public static IWeightSource Where(this IWeightSource source, Func<string, bool> keep)
    {
        ArgumentNullException.ThrowIfNull(keep);
        return source.Rename(name => keep(name) ? name : null);
    }

    /// <summary>The tensors under other names.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    /// <param name="rename">The new name of an old one; null leaves the tensor out.</param>
    /// <exception cref="ApertureException">Two tensors would have the same name.</exception>
    public static IWeightSource Rename(this IWeightSource source, Func<string, string?> rename)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(rename);
        return new RenamedWeights(source, rename);
    }

    /// <summary>Loads a tensor and checks its shape.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    /// <param name="shape">The sizes it must have; -1 stands for any.</param>
    /// <returns>As <see cref="IWeightSource.Load"/>.</returns>
    /// <exception cref="ApertureException">No tensor has this name, or it has another shape.</exception>
    public static Tensor Load(this IWeightSource source, string name, params ReadOnlySpan<long> shape)
    {
        ArgumentNullException.ThrowIfNull(source);
        long[] stored = source.Describe(name).Shape;
        bool fits = stored.Length == shape.Length;
        for (int i = 0; fits && i < stored.Length; i++)
        {
            fits = shape[i] == -1 || shape[i] == stored[i];
        }

        return fits
            ? source.Load(name)
            : throw new ApertureException(
                $"Tensor '{name}' has shape [{string.Join(", ", stored)}], but this model needs [{string.Join(", ", shape.ToArray())}]; check that "
                + "checkpoint and configuration belong together.");
    }

    /// <summary>Loads a tensor into memory of its own, so that it may be written to and outlives the source.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    /// <param name="type">The element type wanted; that of <see cref="IWeightSource.Load"/> if null.</param>
    /// <param name="device">The device wanted; the CPU if null.</param>
    /// <returns>A contiguous tensor. The caller disposes it.</returns>
    /// <exception cref="ApertureException">No tensor has this name, or its stored type cannot be read.</exception>
    public static Tensor LoadCopy(this IWeightSource source, string name, ScalarType? type = null, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        using Tensor stored = source.Load(name);
        Tensor copy = stored.to(type ?? stored.dtype, device ?? CPU, copy: true);
        if (copy.is_contiguous())
        {
            return copy;
        }

        using (copy)
        {
            return copy.contiguous();
        }
    }

    /// <summary>
    /// Gives the memory of a tensor's mapped bytes back to the system; does nothing where the source maps no file. See
    /// <see cref="IMappedWeights.ReleasePages(string)"/>.
    /// </summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    public static void ReleasePages(this IWeightSource source, string name) => (source as IMappedWeights)?.ReleasePages(name);

    /// <summary>
    /// Gives the memory of all mapped files back to the system; does nothing where the source maps no file. See <see cref="IMappedWeights.ReleasePages()"/>.
    /// </summary>
    /// <param name="source">The checkpoint.</param>
    public static void ReleasePages(this IWeightSource source) => (source as IMappedWeights)?.ReleasePages();
}
