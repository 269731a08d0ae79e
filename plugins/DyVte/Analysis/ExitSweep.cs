namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>What an exit after each of some layers does to the answers.</summary>
/// <param name="Layers">The layers, ascending.</param>
/// <param name="Samples">One entry a sample.</param>
internal sealed record ExitSweep(IReadOnlyList<int> Layers, IReadOnlyList<SweptSample> Samples)
{
    /// <summary>What the official training asks of an exit: agreement above, and cross entropy below this many times that of the whole run.</summary>
    public const double AgreeThreshold = 0.99, CeRatio = 1.03;

    /// <summary>Per layer the mean share of answer tokens that stay the same, teacher-forced on the model's own answer.</summary>
    public double[] Agreement => Mean(exit => exit.Agreement);

    /// <summary>Per layer the share of samples whose whole answer stays the same.</summary>
    public double[] SameAnswer => Mean(exit => exit.SameAnswer ? 1 : 0);

    /// <summary>Per layer the mean quotient of the answer's cross entropy with the exit and without.</summary>
    public double[] CrossEntropyRatio => Mean(exit => exit.CrossEntropyRatio);

    /// <summary>Per layer the share of samples for which the official training would call the exit right.</summary>
    public double[] Acceptable => Mean(exit => exit.Acceptable ? 1 : 0);

    /// <summary>Per layer the share of right answers; null where the questions carry none.</summary>
    public double[]? Accuracy => Samples.All(sample => sample.Exits[0].Right is not null) ? Mean(exit => exit.Right == true ? 1 : 0) : null;

    /// <summary>How many samples are stable from each layer on: their answer is the same after an exit there and after every later one.</summary>
    public int[] StableHistogram => [.. Layers.Select(layer => Samples.Count(sample => sample.StableFrom == layer))];

    /// <summary>The first layer from which on every exit leaves at least a share of the answers the same; null if even the last does not.</summary>
    /// <param name="share">The share.</param>
    public int? FirstKeeping(double share)
    {
        int changed = Array.FindLastIndex(SameAnswer, same => same < share);
        return changed == Layers.Count - 1 ? null : Layers[changed + 1];
    }

    private double[] Mean(Func<SweptExit, double> value)
        => [.. Layers.Select((_, i) => Samples.Select(sample => value(sample.Exits[i])).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average())];
}

/// <summary>One question of a sweep.</summary>
/// <param name="Id">The question.</param>
/// <param name="Type">Its kind; empty where the file gives none.</param>
/// <param name="Answer">What the whole model answers.</param>
/// <param name="StableFrom">The first of the layers from which on every exit gives that answer; null if even the last changes it.</param>
/// <param name="Exits">One entry a layer.</param>
internal sealed record SweptSample(string Id, string Type, string Answer, int? StableFrom, IReadOnlyList<SweptExit> Exits);

/// <summary>One exit of one question.</summary>
/// <param name="Agreement">Share of the answer's tokens that stay the same.</param>
/// <param name="CrossEntropyRatio">Cross entropy of the answer with the exit, over that without.</param>
/// <param name="Right">Whether the answer with the exit is the right one; null where the question carries none.</param>
internal sealed record SweptExit(double Agreement, double CrossEntropyRatio, bool? Right)
{
    /// <summary>Whether the model answers the same: under greedy choice that is agreement in every token.</summary>
    public bool SameAnswer => Agreement == 1;

    /// <summary>Whether the official training would call the exit right.</summary>
    public bool Acceptable => Agreement > ExitSweep.AgreeThreshold && CrossEntropyRatio < ExitSweep.CeRatio;
}
