using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Text;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>Sentences as ids, cut and padded as DIT's data loader does it, on the case's own vocabulary.</summary>
public sealed class DitTokensRunner : IGoldenRunner
{
    public string Area => "dit-sam";

    public string Kind => "tokens";

    public void Run(GoldenCase golden)
    {
        string folder = Directory.CreateTempSubdirectory("aperture-golden-").FullName;
        try
        {
            string[] words = [.. golden.Config.GetProperty("vocab").EnumerateArray().Select(word => word.GetString()!)];
            File.WriteAllText(Path.Combine(folder, "vocab.txt"), string.Join('\n', words) + "\n");
            DitText text = new(folder, Config(words.Length), golden.Config.GetProperty("max_token").GetInt32());
            EncoderText[] encoded = [.. golden.Config.GetProperty("sentences").EnumerateArray().Select(sentence => text.Encode(sentence.GetString()!))];
            (Tensor ids, Tensor mask) = EncoderText.Batch(encoded);
            golden.CompareExact("out.ids", ids);
            golden.CompareExact("out.mask", mask);
            ids.Dispose();
            mask.Dispose();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static DitConfig Config(int vocabulary) => new()
    {
        Sam = new SamConfig
        {
            Vision = new VisionTransformerConfig { HiddenSize = 8, IntermediateSize = 8, Layers = 1, Heads = 1, ImageSize = 16, PatchSize = 16 },
            PromptWidth = 8,
            MaskChannels = 4,
            DecoderLayers = 1,
            DecoderHeads = 1,
            MaskTokens = 4,
        },
        Text = new BertConfig { Vocabulary = vocabulary },
        Variant = DitVariant.LayerWise,
        ProjectsWidth = false,
        TokenRows = 0,
    };
}
