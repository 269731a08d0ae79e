using System.Reflection;
using System.Reflection.Metadata;

namespace Aperture.Plugins;

/// <summary>
/// Clears the caches by type that libraries keep (System.Text.Json's options, for one), through the hooks that they offer for code replaced under a debugger.
/// Such a cache holds the types of an unloaded plugin for ever otherwise.
/// </summary>
internal static class RuntimeCaches
{
    public static void Clear()
    {
        foreach (Assembly assembly in AppDomain.CurrentDomain.GetAssemblies().Where(assembly => !assembly.IsCollectible && !assembly.IsDynamic))
        {
            foreach (MetadataUpdateHandlerAttribute hook in assembly.GetCustomAttributes<MetadataUpdateHandlerAttribute>())
            {
                hook.HandlerType
                    .GetMethod("ClearCache", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic, [typeof(Type[])])
                    ?.Invoke(null, [null]);
            }
        }
    }
}
