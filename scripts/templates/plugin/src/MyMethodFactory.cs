using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins;

namespace MyMethod;

/// <summary>Makes the reducer from its options.</summary>
internal sealed class MyMethodFactory : IMethodFactory
{
    public const string MethodName = "mymethod";

    public string Name => MethodName;

    public string Summary => "Keeps the visual tokens with the largest norm.";

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(OptionsJson.Default.MyMethodOptions);

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
        => new MyMethodReducer(MethodOptions.Bind(MethodName, options, OptionsJson.Default.MyMethodOptions));
}

// Source-generated: JSON by reflection would keep the plugin in memory for ever.
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(MyMethodOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
