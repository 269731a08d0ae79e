using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.Baselines;

/// <summary>Makes random reducers.</summary>
internal sealed class RandomFactory : IMethodFactory
{
    public const string MethodName = "random";

    public string Name => MethodName;

    public string Summary => "Keeps a random subset of each image's tokens, the same for the same seed: the baseline that a reducer has to beat.";

    public IReadOnlyList<MethodOption> Options =>
    [
        .. TokenBudget.Describe(),
        new(nameof(RandomOptions.Seed), "integer", "0", "Chooses the subset; images with equally many tokens get the same one."),
    ];

    public string BaselineOption => TokenBudget.ConstantOption;

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
        => new RandomReducer(MethodOptions.Bind(MethodName, options, OptionsJson.Default.RandomOptions));
}
