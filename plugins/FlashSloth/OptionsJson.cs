using System.Text.Json.Serialization;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Plugins.FlashSloth.Training;

namespace Aperture.Plugins.FlashSloth;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(SapOptions))]
[JsonSerializable(typeof(EmbqOptions))]
[JsonSerializable(typeof(FlashSlothOptions))]
[JsonSerializable(typeof(SapTrainingOptions))]
[JsonSerializable(typeof(EmbqTrainingOptions))]
[JsonSerializable(typeof(FlashSlothTrainingOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
