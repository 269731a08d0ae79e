namespace Aperture.Plugins.DtNet.Training;

/// <summary>The learning rates of the official training, epoch by epoch: 26 epochs of cross-entropy, then 35 of self-critical training.</summary>
internal static class OfficialRates
{
    /// <summary>Epochs of cross-entropy.</summary>
    public const int CrossEntropyEpochs = 26;

    /// <summary>Epochs of both.</summary>
    public const int Epochs = 61;

    private const double Base = 1e-4;

    /// <summary>The rate of an epoch.</summary>
    /// <param name="epoch">From 0. The scheduler is begun anew for self-critical training, so that one of its counts comes twice.</param>
    public static double Of(int epoch) => (epoch < CrossEntropyEpochs ? epoch + 1 : epoch) switch
    {
        <= 3 and int count => Base * count / 4,
        <= 10 => Base,
        <= 20 => Base * 0.2,
        <= 25 => Base * 0.2 * 0.2,
        <= 40 => 5e-6,
        <= 50 => 5e-7,
        <= 55 => 2.5e-7,
        _ => 5e-8,
    };

    /// <summary>The factors on the base rate of a stage's epochs.</summary>
    /// <param name="selfCritical">Whether of self-critical training.</param>
    /// <param name="rate">The base rate: that of the epochs with factor 1.</param>
    public static double[] Factors(bool selfCritical, double rate)
        => selfCritical
            ? [.. Enumerable.Range(CrossEntropyEpochs, Epochs - CrossEntropyEpochs).Select(epoch => Of(epoch) / rate)]
            : [.. Enumerable.Range(0, CrossEntropyEpochs).Select(epoch => Of(epoch) / rate)];
}
