using System.Text.Json.Serialization;
using Aperture.Plugins.GammaMod.Calibration;

namespace Aperture.Plugins.GammaMod;

/// <summary>JSON of the files that the calibration writes.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(ArankFile))]
[JsonSerializable(typeof(ArankSamples))]
internal sealed partial class FilesJson : JsonSerializerContext;
