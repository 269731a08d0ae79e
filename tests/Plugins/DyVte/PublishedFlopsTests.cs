using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>What an exit saves at the published sizes: 35 prefix rows, 576 visual tokens, counted as the comparisons count.</summary>
public sealed class PublishedFlopsTests
{
    [Theory]
    [InlineData(4096, 11008, 32, 25, 4224.776, 7, 68.09)]
    [InlineData(4096, 11008, 32, 25, 4224.776, 15, 45.39)]
    [InlineData(4096, 11008, 32, 60, 4463.428, 16, 40.39)]
    [InlineData(4096, 11008, 32, 60, 4463.428, 31, 0)]
    [InlineData(5120, 13824, 40, 25, 8235.103, 14, 56.71)]
    [InlineData(5120, 13824, 40, 60, 8697.912, 34, 10.76)]
    public void An_exit_saves_what_the_formula_says(int width, int intermediate, int layers, int text, double gigaMacs, int exit, double saved)
    {
        DecoderInfo decoder = new()
        {
            Model = "published",
            Layers = layers,
            HiddenSize = width,
            IntermediateSize = intermediate,
            Heads = width / 128,
            KeyValueHeads = width / 128,
            HeadSize = 128,
            VocabularySize = 32000,
        };
        (int prefix, int visual) = (35, 576);
        long with = LayerRows.Full(prefix + visual + text).Macs(decoder), without = LayerRows.Full(prefix + text).Macs(decoder);

        long whole = layers * with, exited = ((exit + 1) * with) + ((layers - 1 - exit) * without);

        Assert.Equal(gigaMacs, whole / 1e9, 3);
        Assert.Equal(saved, 100 * (1 - ((double)exited / whole)), 2);
    }
}
