using System.Text.Json.Serialization;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Training;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>JSON of the plugin's records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(FaceOptions))]
[JsonSerializable(typeof(FaceSettings))]
[JsonSerializable(typeof(FaceTrainingOptions))]
internal sealed partial class FaceJson : JsonSerializerContext;
