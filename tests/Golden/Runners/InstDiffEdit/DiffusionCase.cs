using System.Text.Json;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>What the cases of diffusion models share.</summary>
internal static class DiffusionCase
{
    public const string AreaName = "instdiffedit";

    public static WeightPolicy Policy { get; } = new(CPU, ScalarType.Float32, ScalarType.Float32);

    public static UNet UNet(GoldenCase golden)
        => Diffusion.UNet.Load(golden.Weights(), UNetConfig.Parse(golden.Config, golden.Name), Policy);

    /// <summary>Compares the named values that the case holds under <c>mid.</c>.</summary>
    public static Action<string, Tensor> Compared(GoldenCase golden)
        => (name, value) =>
        {
            if (golden.Has($"mid.{name}"))
            {
                golden.Compare($"mid.{name}", value);
            }
        };

    /// <summary>Every 4th row and column of a latent.</summary>
    public static Tensor Strided(Tensor latent, int step = 4) => latent.slice(-2, 0, latent.size(-2), step).slice(-1, 0, latent.size(-1), step);

    public static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetDouble())];

    public static int[] Integers(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetInt32())];

    public static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(item => item.GetString()!)];

    public static long Long(JsonElement value) => value.ValueKind == JsonValueKind.String ? long.Parse(value.GetString()!) : value.GetInt64();

    /// <summary>The tokenizer of the cases, without ftfy, as it was recorded.</summary>
    public static ITokenizer Tokenizer(GoldenCase golden, string folder)
        => Tokenizers.FromFolder(golden.FileBeside(folder), new TokenizerOptions
        {
            Class = "CLIPTokenizer",
            Fast = false,
            RepairText = false,
            SplitPunctuation = true,
            SpecialInText = false,
        });
}
