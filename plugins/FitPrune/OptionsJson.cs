using System.Text.Json.Serialization;
using Aperture.Models;
using Aperture.Plugins.FitPrune.Calibration;

namespace Aperture.Plugins.FitPrune;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(FitPruneOptions))]
[JsonSerializable(typeof(CalibrationOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
