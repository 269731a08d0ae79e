using System.Text.Json.Serialization;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>The two parts of a captioner's training.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrainingStage>))]
internal enum TrainingStage
{
    /// <summary>Each word of people's captions is predicted from those before it.</summary>
    CrossEntropy,

    /// <summary>Captions that the model finds itself are held against each other by CIDEr-D. It starts from a model trained by cross-entropy.</summary>
    SelfCritical,
}
