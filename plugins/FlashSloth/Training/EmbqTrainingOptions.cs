using System.ComponentModel.DataAnnotations;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Training;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>Options of training <c>embq</c>.</summary>
internal sealed record EmbqTrainingOptions : TrainingOptions
{
    public const double DefaultEpochs = 1;

    /// <summary>Batch and rates of FlashSloth's alignment stage: the queries begin anew, and the model around them is frozen.</summary>
    public static TrainingPlan Defaults { get; } = new(1, 256, 1e-3) { LargestGradient = 0 };

    /// <summary>The decoder layer before which queries are updated.</summary>
    [Range(0, 1023)]
    public int Layer { get; set; } = 7;

    /// <summary>Query rows.</summary>
    [Range(1, 1024)]
    public int Queries { get; set; } = 9;

    /// <summary>Width of the block; null for half the encoder's, rounded down to a multiple of the decoder's heads.</summary>
    [Range(1, 65536)]
    public int? Width { get; set; }

    /// <summary>Side in patches of the squares that sap pools meanwhile, with its own weights; 1 for none.</summary>
    [Range(1, 1024)]
    public int Pool { get; set; } = 1;

    /// <summary>Whether the projector is trained too; the result is then a whole checkpoint.</summary>
    public bool TrainProjector { get; set; }

    public static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Layer), "integer", "7", "The decoder layer before which queries are updated, from 0."),
        new(nameof(Queries), "integer", "9", "Query rows behind each picture."),
        new(nameof(Width), "integer", "half the encoder's", "Width of the queries' block; a multiple of the decoder's heads."),
        new(nameof(Pool), "integer", "1", "Side of the squares that sap pools meanwhile, with weights that it was trained to before; 1 for none."),
        new(nameof(TrainProjector), "true/false", "false", "Train the projector too: the result is a whole checkpoint; false writes the queries alone."),
        .. Describe(Defaults, DefaultEpochs),
    ];

    /// <summary>The block's width for a model.</summary>
    /// <exception cref="ApertureException">The decoder's heads divide neither.</exception>
    public int WidthFor(int heads, int channels)
    {
        if (channels % heads != 0 || (Width is { } given && given % heads != 0))
        {
            throw new ApertureException(
                $"{EmbqFactory.MethodName}: the decoder's {heads} heads must divide the encoder's {channels} channels and "
                + $"Width{(Width is { } w ? $" {w}" : "")}; "
                + "it cannot look at this encoder's patches otherwise.");
        }

        return Width ?? Math.Max(1, channels / 2 / heads) * heads;
    }
}
