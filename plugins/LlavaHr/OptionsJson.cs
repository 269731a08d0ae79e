using System.Text.Json.Serialization;

namespace Aperture.Plugins.LlavaHr;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(LlavaHrOptions))]
[JsonSerializable(typeof(ConvNextTowerOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
