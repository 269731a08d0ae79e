using Aperture.Weights;

namespace Aperture.Plugins.E3FaceNet.Model;

/// <summary>
/// An open file with a generator: a training pickle, whose networks are read without running anything of it, or the generator's tensors alone. Owns its
/// source.
/// </summary>
internal sealed class FaceCheckpoint : IDisposable
{
    // The smoothed generator of a training pickle; the file of the generator alone has no prefix.
    private const string Smoothed = "G_ema.", Raw = "G.", Discriminating = "D.";
    private const int ShownNames = 3;

    private readonly IWeightSource _source;

    private FaceCheckpoint(IWeightSource source, string path)
    {
        _source = source;
        string prefix = Prefix(source)
            ?? throw new ApertureException(
                $"'{path}' holds no face generator: it lacks synthesis.fg_nerf.fc_in.weight and mapping.fc0.weight, "
                + $"{(source.Names.Count == 0 ? "and any other tensor" : $"and begins with {string.Join(", ", source.Names.Take(ShownNames))}")}; give "
                + "E3-FaceNet's training pickle (.pkl) or the tensors of its generator.");
        Generator = Part(source, prefix);
        Discriminator = source.Contains(Discriminating + "b4.fc.weight") ? Part(source, Discriminating) : null;
    }

    /// <summary>The generator's tensors under their published names. Borrowed.</summary>
    public IWeightSource Generator { get; }

    /// <summary>The discriminator's; null where the file has none. Borrowed.</summary>
    public IWeightSource? Discriminator { get; }

    /// <summary>Opens a file, or the weights of a folder.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="ApertureException">The file is damaged, or holds no such generator.</exception>
    public static FaceCheckpoint Open(string path)
    {
        IWeightSource source = WeightFiles.Open(path, new WeightFileOptions { Lenient = true });
        try
        {
            return new FaceCheckpoint(source, path);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Whether weights hold such a generator.</summary>
    public static bool IsOne(IWeightSource source) => Prefix(source) is not null;

    /// <summary>Closes the file.</summary>
    public void Dispose() => _source.Dispose();

    private static string? Prefix(IWeightSource source)
        => Array.Find(["", Smoothed, Raw], prefix => FaceConfig.IsOne(Part(source, prefix)));

    private static IWeightSource Part(IWeightSource source, string prefix) => prefix.Length == 0 ? source : source.Under(prefix);
}
