using System.Text.Json.Serialization;
using Aperture.Models;

namespace Aperture.Plugins.Baselines;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(RandomOptions))]
[JsonSerializable(typeof(PoolingOptions))]
[JsonSerializable(typeof(DownsampleOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
