using System.Text.Json.Serialization;
using Aperture.Plugins.FitPrune.Calibration;

namespace Aperture.Plugins.FitPrune;

/// <summary>JSON of the files: recipes, calibration statistics, the official recipes inside the assembly.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Recipe))]
[JsonSerializable(typeof(OfficialRecipes.Content))]
[JsonSerializable(typeof(CalibrationStatistics))]
internal sealed partial class FilesJson : JsonSerializerContext;
