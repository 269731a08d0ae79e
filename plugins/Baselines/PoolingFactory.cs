using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.Baselines;

/// <summary>Makes pooling reducers.</summary>
internal sealed class PoolingFactory : IMethodFactory
{
    public const string MethodName = "pooling";

    public string Name => MethodName;

    public string Summary => "Averages each image's tokens down to a smaller grid: the baseline that a reducer has to beat.";

    public IReadOnlyList<MethodOption> Options => [.. TokenBudget.Describe()];

    public string BaselineOption => TokenBudget.ConstantOption;

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
        => new PoolingReducer(MethodOptions.Bind(MethodName, options, OptionsJson.Default.PoolingOptions));
}
