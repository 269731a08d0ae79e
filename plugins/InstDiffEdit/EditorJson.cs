using System.Text.Json.Serialization;
using Aperture.Plugins.InstDiffEdit.Training;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>JSON of the editor's options; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(EditorOptions))]
[JsonSerializable(typeof(DiffusionTrainingOptions))]
internal sealed partial class EditorJson : JsonSerializerContext;
