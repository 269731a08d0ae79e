using System.Text.Json.Serialization;
using Aperture.Models;
using Aperture.Plugins.GammaMod.Calibration;
using Aperture.Plugins.GammaMod.Training;

namespace Aperture.Plugins.GammaMod;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(GammaModOptions))]
[JsonSerializable(typeof(ArankOptions))]
[JsonSerializable(typeof(GammaModTrainingOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
