using Aperture.Hosting.Pictures;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Plugins.E3FaceNet.Tests;
using Aperture.Plugins.InstDiffEdit.Tests;
using Aperture.Tasks;
using Aperture.Tests;
using Microsoft.Extensions.AI;

namespace Aperture.Plugins.Hosting.Tests;

/// <summary>The image editor and the face generator behind Microsoft's interface give what they give by themselves.</summary>
public sealed class ImageGeneratorTests
{
    [Fact]
    public async Task A_picture_is_edited_as_the_editor_does()
    {
        using TinyEditor tiny = new();
        await using EngineSession session = EngineSessions.Open();
        object options = new { MapResolution = 8, Type = "float32", InpaintSteps = 4, Inpaint = tiny.Inpainting };
        OpenTask<IImageEditor> editor = session.LoadTask<IImageEditor>(TinyEditor.Checkpoint, null, options);
        Image photo = Image.FromPicture(TinyEditor.Photo);
        EditedPicture expected = editor.Edit(photo, TinyEditor.Request()).Value;
        using EditorImageGenerator generator = new(editor);
        ImageGenerationOptions asked = new() { Count = 2, AdditionalProperties = new() { ["Seed"] = 7, ["Steps"] = 8, ["Strength"] = 0.5 } };

        ImageGenerationResponse response = await generator.GenerateAsync(
            new ImageGenerationRequest("a red dog", [new DataContent(photo.EncodePng(), "image/png")]), asked);

        Assert.Equal(2, response.Contents.Count);
        Assert.Equal(expected.Picture!.Rgb.ToArray(), Pixels(response.Contents[0]));
        Assert.NotEqual(expected.Picture.Rgb.ToArray(), Pixels(response.Contents[1]));
        Assert.Equal(
            "The editor changes one picture, and the request has 0 as DataContent; put one into OriginalImages.",
            (await Assert.ThrowsAsync<ApertureException>(() => generator.GenerateAsync(new ImageGenerationRequest("a dog"), asked))).Message);
        Assert.Equal(editor.Architecture, generator.GetService<ImageGeneratorMetadata>()!.DefaultModelId);
    }

    [Fact]
    public async Task A_face_is_made_as_the_generator_does()
    {
        using TinyFace tiny = new();
        await using EngineSession session = EngineSessions.Open();
        OpenTask<IFaceGenerator> faces = session.LoadTask<IFaceGenerator>(tiny.Checkpoint, null, new { Clip = Path.Combine(tiny.Folder, "clip") });
        FaceView expected = faces.Generate("a face", 7).Value;
        using FaceImageGenerator generator = new(faces);

        ImageGenerationResponse response = await generator.GenerateAsync(
            new ImageGenerationRequest("a face"), new ImageGenerationOptions { AdditionalProperties = new() { ["Seed"] = 7L } });

        Assert.Equal(expected.Picture.Rgb.ToArray(), Pixels(Assert.Single(response.Contents)));
        Assert.Equal(
            "Seed is 'seven'; give a number.",
            (await Assert.ThrowsAsync<ApertureException>(() => generator.GenerateAsync(
                new ImageGenerationRequest("a face"), new ImageGenerationOptions { AdditionalProperties = new() { ["Seed"] = "seven" } }))).Message);
    }

    private static byte[] Pixels(AIContent content) => Image.Decode(Assert.IsType<DataContent>(content).Data.Span).ToPicture().Rgb.ToArray();
}
