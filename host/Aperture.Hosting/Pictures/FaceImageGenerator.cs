using Aperture.Tasks;
using Aperture.Vision;
using Microsoft.Extensions.AI;

namespace Aperture.Hosting.Pictures;

/// <summary>
/// A face generator as an image generator: makes the face that the prompt describes, seen from ahead. <c>Seed</c>, <c>Truncation</c>, <c>EditText</c> and
/// <c>EditAlpha</c> of <see cref="FaceRequest"/> may stand in the additional properties, and <c>Yaw</c>, <c>Pitch</c> and <c>Roll</c> in radians; with an
/// <c>EditText</c> the changed face is given. The faces of a request for several have seeds that follow each other.
/// </summary>
/// <param name="generator">The generator; disposed with this.</param>
public sealed class FaceImageGenerator(OpenTask<IFaceGenerator> generator) : IImageGenerator
{
    private readonly ImageGeneratorMetadata _metadata = new("aperture", null, generator.Architecture);

    /// <inheritdoc/>
    /// <exception cref="ApertureException">The request has no sentence, has a picture, or has numbers that the model does not take.</exception>
    public async Task<ImageGenerationResponse> GenerateAsync(
        ImageGenerationRequest request, ImageGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.OriginalImages?.Any() == true)
        {
            throw new ApertureException("A face is made from sentences alone; leave OriginalImages out, and say with EditText what is to change.");
        }

        FaceRequest wanted = new()
        {
            Text = request.Prompt ?? "",
            Truncation = PictureSettings.Number(options, nameof(FaceRequest.Truncation)),
            EditText = PictureSettings.Text(options, nameof(FaceRequest.EditText)),
            EditAlpha = PictureSettings.Number(options, nameof(FaceRequest.EditAlpha)),
            Views = [new ViewPoint(Angle(nameof(ViewPoint.Yaw)), Angle(nameof(ViewPoint.Pitch)), Angle(nameof(ViewPoint.Roll)))],
        };
        return await PictureSettings.Make(options, PictureSettings.Whole(options, nameof(FaceRequest.Seed)), Made, cancellationToken).ConfigureAwait(false);

        Picture Made(long? seed)
        {
            FaceView face = generator.Generate(wanted with { Seed = seed }, null, cancellationToken).Value[0];
            return face.Edited ?? face.Picture;
        }

        double Angle(string name) => PictureSettings.Number(options, name) ?? 0;
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        object[] offered = [this, _metadata, generator];
        return serviceKey is null ? Array.Find(offered, serviceType.IsInstanceOfType) : null;
    }

    /// <summary>Disposes the generator.</summary>
    public void Dispose() => generator.Dispose();
}
