using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.Baselines;

/// <summary>Makes methods that have the encoder look at smaller pictures.</summary>
internal sealed class DownsampleFactory : IMethodFactory
{
    public const string MethodName = "downsample";

    public string Name => MethodName;

    public string Summary => "Shrinks each image before the vision encoder, so that fewer tokens arise: the baseline that a reducer has to beat.";

    public IReadOnlyList<MethodOption> Options => [.. TokenBudget.Describe()];

    public string BaselineOption => TokenBudget.ConstantOption;

    public bool ActsBeforeEncoder => true;

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
        => new DownsampleReducer(MethodOptions.Bind(MethodName, options, OptionsJson.Default.DownsampleOptions));
}
