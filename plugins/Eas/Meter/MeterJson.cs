using System.Text.Json.Serialization;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>JSON of METER's options; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(MeterOptions))]
[JsonSerializable(typeof(MeterTrainingOptions))]
internal sealed partial class MeterJson : JsonSerializerContext;
