using System.Text.RegularExpressions;
using Aperture.Engine.Tests.Generation;
using Aperture.Generation;
using Aperture.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>
/// What a decoded token asks of the device: on a GPU every operation is a launch from the host, and every value that comes back makes the host wait. float16 on
/// the CPU takes the way that a GPU takes, operation by operation; float32 takes the managed kernels.
/// </summary>
[Collection(DecodingCollection.Name)]
public sealed partial class DecodeCostTests
{
    [Theory]
    [InlineData(ScalarType.Float16, 69, 14)]
    [InlineData(ScalarType.Float32, 22, 6)]
    public void A_token_makes_so_many_tensors_a_layer_and_so_many_beside_the_layers(ScalarType type, int layer, int beside)
    {
        long four = Made(type, 4), five = Made(type, 5);

        Assert.Equal((layer, beside), (five - four, four - (4 * (five - four))));
    }

    [Fact]
    public void Logits_are_all_that_comes_back_to_the_host()
    {
        string[] places = [.. new[] { "host/Aperture.Engine/Decoding", "host/Aperture.Engine/Generation", "abstractions/Aperture.Modules/Decoding" }
            .SelectMany(folder => Directory.EnumerateFiles(Repository.Path(folder.Split('/')), "*.cs"))
            .SelectMany(file => ComesBack().Matches(File.ReadAllText(file)).Select(_ => Path.GetFileName(file)))];

        // Scales of matrices in few bits are looked at once, while they are loaded, and inputs of matrices where somebody measures them.
        Assert.Equal(["Int4Matrix.cs", "NextLogits.cs", "QuantizedMatrix.cs", "WatchedWeight.cs"], places.Order(StringComparer.Ordinal));
    }

    // Tensors that one more token makes, of which each is an operation's result or a view.
    private static long Made(ScalarType type, int layers)
    {
        using SmallDecoder small = new(SmallDecoder.ConfigOf(layers), type);
        long few = Made(small, 4);
        return Made(small, 5) - few;
    }

    private static long Made(SmallDecoder small, int tokens)
    {
        using IDisposable mode = inference_mode();
        using GenerationSession session = new TokenGenerator(small.Decoder).Begin(
            TokenGeneratorTests.Input(small, [SmallDecoder.Ids(6)]), null, null, 32, CancellationToken.None);
        GenerationOptions options = new() { MaxNewTokens = tokens };
        long before = Total();
        session.Generate(options, GenerationControl.None, null, CancellationToken.None);
        return Total() - before;

        static long Total()
            => DisposeScopeManager.Statistics.TensorStatistics.CreatedInScopeCount + DisposeScopeManager.Statistics.TensorStatistics.CreatedOutsideScopeCount;
    }

    [GeneratedRegex(@"\.cpu\(\)|\.item<|\.data<|\.To(Double|Single|Int32|Int64|Boolean)\(\)")]
    private static partial Regex ComesBack();
}
